//! `slogen profile`.

use crate::finding::nearest;
use crate::profile::{EMBEDDED, find};

use super::{Io, Outcome, Run, Stop};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List the profiles that come with slogen.
    List,
    /// Print a profile, with the sources of its numbers.
    Show {
        /// Name of the profile.
        name: String,
    },
}

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    match command {
        Command::List => {
            let width = EMBEDDED.iter().map(|profile| profile.name.len()).max().unwrap_or(0);
            for profile in EMBEDDED {
                writeln!(io.out, "{:width$}  {}", profile.name, profile.about())?;
            }
        }
        Command::Show { name } => {
            let profile = find(name).ok_or_else(|| {
                let help = match nearest(name, EMBEDDED.iter().map(|profile| profile.name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`slogen profile list` names them".to_owned(),
                };
                Stop::Message(format!("there is no profile `{name}`: {help}"))
            })?;
            io.out.write_all(profile.text.as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}
