//! A load-test matrix as users write it: `users=25,50,100 max=10,20`, and all combinations of its values.

use crate::units::Invalid;

use super::load::Unit;

/// The most combinations: more are no table that anyone reads.
pub const MOST_COMBINATIONS: usize = 1000;

/// Short names of keys of slo.toml.
const SHORT: [(&str, &str); 3] =
    [("min", "scaling.min"), ("max", "scaling.max"), ("in_flight", "targets.in_flight.per_pod")];

/// One side of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What it varies, as written.
    pub key: String,
    /// What it sets.
    pub subject: Subject,
    /// Each value, as written.
    pub values: Vec<String>,
}

/// What an axis varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The load.
    Load(Unit),
    /// A key of slo.toml.
    Setting(String),
}

/// What one combination sets: its values in the order of the axes.
pub type Combination<'a> = Vec<&'a str>;

impl Axis {
    /// Reads `max=10,20`. Commas within quotes, brackets and braces part nothing.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |message: String| {
            Invalid::new(message, "write a key and its values, such as `max=10,20`")
        };
        let Some((key, list)) = text.split_once('=') else {
            return Err(Invalid::new(
                format!("`{text}` is no KEY=LIST"),
                "write such as `max=10,20`, and a slo.toml in front of `--matrix`",
            ));
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong(format!("`{text}` has no key")));
        }
        let values = split(list).ok_or_else(|| {
            wrong(format!("a quote, bracket or brace in `{list}` is not closed, or closed twice"))
        })?;
        if values.iter().any(String::is_empty) {
            return Err(wrong(format!("a value of `{text}` is empty")));
        }
        let subject = match key {
            "users" => Subject::Load(Unit::Users),
            "rps" => Subject::Load(Unit::Rps),
            key => {
                let long = SHORT.iter().find(|(short, _)| *short == key).map(|(_, long)| *long);
                Subject::Setting(long.unwrap_or(key).to_owned())
            }
        };
        Ok(Self { key: key.to_owned(), subject, values })
    }
}

/// The parts between commas that are not within quotes, brackets or braces; `None` where those do not match.
fn split(list: &str) -> Option<Vec<String>> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut open, mut quote, mut escaped) = (Vec::new(), None, false);
    for char in list.chars() {
        match (quote, char) {
            (Some('"'), '\\') if !escaped => escaped = true,
            (Some(mark), char) => {
                if char == mark && !escaped {
                    quote = None;
                }
                escaped = false;
            }
            (None, '"' | '\'') => quote = Some(char),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ']' | '}') => {
                open.pop().filter(|wanted| *wanted == char)?;
            }
            (None, ',') if open.is_empty() => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            _ => {}
        }
        part.push(char);
    }
    parts.push(part.trim().to_owned());
    (open.is_empty() && quote.is_none()).then_some(parts)
}

/// Which axis is the load; what is wrong with `axes` together.
pub fn check(axes: &[Axis]) -> Result<Option<usize>, Invalid> {
    let mut load = None;
    for (at, axis) in axes.iter().enumerate() {
        if axes.iter().take(at).any(|other| other.subject == axis.subject) {
            return Err(Invalid::new(
                format!("`{}` is there twice", axis.key),
                "write all of its values in one list",
            ));
        }
        if matches!(axis.subject, Subject::Load(_)) && load.replace(at).is_some() {
            return Err(Invalid::new(
                "a load is `users` or `rps`, and not both",
                "write a matrix for each",
            ));
        }
    }
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    match count.filter(|count| *count <= MOST_COMBINATIONS) {
        Some(_) => Ok(load),
        None => Err(Invalid::new(
            format!(
                "there are {} combinations; {MOST_COMBINATIONS} is the most",
                count.map_or("too many".to_owned(), |count| count.to_string())
            ),
            "leave values out, or ask several times",
        )),
    }
}

/// All combinations, the last axis changing first.
pub fn combinations(axes: &[Axis]) -> Vec<Combination<'_>> {
    axes.iter().fold(vec![Vec::new()], |all, axis| {
        all.iter()
            .flat_map(|one| {
                let longer = |value| one.iter().copied().chain([value]).collect();
                axis.values.iter().map(String::as_str).map(longer)
            })
            .collect()
    })
}

/// `users=25 max=10`.
pub fn name(axes: &[Axis], combination: &[&str]) -> String {
    let parts = axes.iter().zip(combination).map(|(axis, value)| format!("{}={value}", axis.key));
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        Axis::parse(text).unwrap().values
    }

    #[test]
    fn lists_are_read() {
        let axis = Axis::parse("max=10, 20").unwrap();
        assert_eq!(axis.subject, Subject::Setting("scaling.max".to_owned()));
        assert_eq!(axis.values, ["10", "20"]);
        assert_eq!(values("a.b=[1,2],[3]"), ["[1,2]", "[3]"]);
        assert_eq!(
            values(r#"a="x,y",'p,q',{a=[1,2],b=","}"#),
            [r#""x,y""#, "'p,q'", r#"{a=[1,2],b=","}"#]
        );
        assert_eq!(values(r#"a="x\",y",z"#), [r#""x\",y""#, "z"]);
        assert_eq!(values("a=b=c"), ["b=c"]);
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, why) in [
            ("slo.toml", "is no KEY=LIST"),
            ("=1", "has no key"),
            ("max=", "is empty"),
            ("max=1,,2", "is empty"),
            ("max=[1,2", "not closed"),
            ("max=1]", "closed twice"),
            ("max=\"1", "not closed"),
        ] {
            let Invalid { message, .. } = Axis::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
        let together = |texts: &[&str]| {
            check(&texts.iter().map(|text| Axis::parse(text).unwrap()).collect::<Vec<_>>())
        };
        assert!(together(&["max=1", "scaling.max=2"]).unwrap_err().message.contains("twice"));
        assert!(together(&["users=1", "rps=2"]).unwrap_err().message.contains("not both"));
        assert_eq!(together(&["max=1", "rps=2"]), Ok(Some(1)));
        let many = (0..11).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
        let many = ["a", "b", "c"].map(|key| format!("{key}={many}"));
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(together(&many).unwrap_err().message.contains("1331 combinations"));
    }

    #[test]
    fn the_last_changes_first() {
        let axes = ["a=1,2", "b=x,y"].map(|text| Axis::parse(text).unwrap());
        let all = combinations(&axes);
        assert_eq!(all, [["1", "x"], ["1", "y"], ["2", "x"], ["2", "y"]]);
        assert_eq!(name(&axes, &all[1]), "a=1 b=y");
    }
}
