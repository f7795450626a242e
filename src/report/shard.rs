//! Which part of a run's findings a report holds, where many machines share a large tree.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::finding::Finding;
use crate::source::Files;

/// One of several parts of a run's findings, `i/n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    index: u32,
    count: u32,
}

impl Shard {
    /// Which one, from 1.
    pub fn index(self) -> u32 {
        self.index + 1
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// True if the findings of this file belong to it. The path is the one that reports print, with `/` between
    /// folders and no `./` at its start, so that every machine agrees: the first eight bytes of its SHA-256, as a
    /// big-endian number, modulo the count.
    pub fn holds(self, path: &str) -> bool {
        number(&Sha256::digest(path.as_bytes())) % u64::from(self.count) == u64::from(self.index)
    }
}

/// A part of what a certain run found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which part.
    pub shard: Shard,
    /// What all parts of the run share: the first eight bytes of a SHA-256 over everything that it found. Runs over
    /// other files, or with other rules, share it only where they found the same.
    pub run: u64,
}

impl Cut {
    /// A part of a run that found `findings`.
    pub fn of(shard: Shard, findings: &[Finding], files: &Files) -> Self {
        let mut digest = Sha256::new();
        for finding in findings {
            let span = finding.primary.span;
            let start = files.get(span.file).position(span.start);
            let (path, rule) = (files.get(span.file).path(), finding.rule);
            let (severity, message) = (finding.severity.word(), &finding.message);
            digest.update(format!("{path}:{start} {severity} {rule} {message}\n"));
        }
        Self { shard, run: number(&digest.finalize()) }
    }
}

/// The first eight bytes, as a big-endian number.
fn number(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl FromStr for Shard {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is no shard; write which one of how many, such as `1/4`");
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| form());
        let (index, count) = (number(index)?, number(count)?);
        match index.checked_sub(1) {
            Some(index) if index < count => Ok(Self { index, count }),
            _ if count == 0 => Err("there is at least one shard, `1/1`".to_owned()),
            _ => Err(format!(
                "there is no shard {index} of {count}; they are numbered from 1 to {count}"
            )),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index(), self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_exactly_one() {
        for count in 1..8 {
            let shards: Vec<Shard> =
                (1..=count).map(|index| format!("{index}/{count}").parse().unwrap()).collect();
            let mut sizes = vec![0; shards.len()];
            let least = 350 / shards.len();
            for number in 0..700 {
                let path = format!("services/service-{number}/workload.yaml");
                let holding: Vec<usize> =
                    (0..shards.len()).filter(|at| shards[*at].holds(&path)).collect();
                assert_eq!(holding.len(), 1);
                sizes[holding[0]] += 1;
            }
            assert!(sizes.iter().all(|size| *size > least), "{sizes:?}");
        }
    }

    /// Other versions, and other programs, must agree: `printf k8s/shop.yaml | sha256sum` starts with
    /// 0248315be2e3fd43.
    #[test]
    fn the_number_of_a_file_never_changes() {
        for (count, index) in [(1, 1), (2, 2), (3, 1), (4, 4), (5, 3), (6, 4), (7, 6)] {
            let shard: Shard = format!("{index}/{count}").parse().unwrap();
            assert!(shard.holds("k8s/shop.yaml"), "{shard}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "1", "0/2", "3/2", "1/0", "a/2", "1/2/3", "-1/2", "1/99999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
    }
}
