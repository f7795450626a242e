//! The version of KEDA, which decides what a ScaledObject may say.

use std::fmt;

use crate::units::Invalid;

/// A version of KEDA, 2.14 or later: `2.20` or `2.17.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KedaVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

impl KedaVersion {
    /// The first version whose admission checks slogen knows (autoscaling.md 3.4).
    pub const OLDEST: Self = Self::new(2, 14);
    /// The first with `fallback.behavior` (KEDA's CHANGELOG, v2.17.0).
    pub const FALLBACK_BEHAVIOR: Self = Self::new(2, 17);
    /// The first with a fallback for metrics compared as `Value` (KEDA's CHANGELOG, v2.18.0).
    pub const FALLBACK_FOR_VALUES: Self = Self::new(2, 18);
    /// The first with the behavior `scalingModifiers` (KEDA's CHANGELOG, v2.20.0).
    pub const FALLBACK_BY_FORMULA: Self = Self::new(2, 20);

    const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Reads two or three numbers with dots between them.
    pub(super) fn read(text: &str) -> Result<Self, Invalid> {
        let help = "write the version in the cluster, such as `\"2.20\"` or `\"2.17.1\"`";
        let number = |part: &str| {
            let plain = part.chars().all(|c| c.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        };
        let numbers: Option<Vec<u16>> = text.split('.').map(number).collect();
        let version = match numbers.as_deref() {
            Some(&[major, minor]) => Self::new(major, minor),
            Some(&[major, minor, patch]) => Self { major, minor, patch },
            _ => return Err(Invalid::new(format!("`{text}` is no version of KEDA"), help)),
        };
        if version < Self::OLDEST {
            return Err(Invalid::new(
                format!("KEDA {text} is older than slogen knows"),
                "KEDA 2.14 and later can be rendered for; upgrade it, or use `backend = \"hpa\"`",
            ));
        }
        Ok(version)
    }
}

impl fmt::Display for KedaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            _ => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let read = |text| KedaVersion::read(text).unwrap();
        assert!(read("2.17.1") > KedaVersion::FALLBACK_BEHAVIOR);
        assert!(read("2.17.1") < KedaVersion::FALLBACK_FOR_VALUES);
        assert_eq!(read("2.14"), KedaVersion::OLDEST);
        for text in ["2.13.9", "2", "v2.20", "2.20.", "2.x", "+2.20", "", "2.20.1.1"] {
            assert!(KedaVersion::read(text).is_err(), "{text}");
        }
    }
}
