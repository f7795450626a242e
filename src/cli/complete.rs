//! Candidates for the word that is being typed, from the declaration of the command line.

use clap::builder::ValueHint;
use clap::{Arg, Command};

/// What a word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The whole word.
    pub(super) word: String,
    /// What it stands for, on one line.
    pub(super) about: Option<String>,
}

/// Candidates for the last of `words`, those before it being complete, and whether it may be the path of a file.
pub(super) fn candidates(mut root: Command, words: &[String]) -> (Vec<Candidate>, bool) {
    root.build();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last, rest));
    let place = Place::behind(&root, before);
    if let Some(option) = place.option {
        return values(option, "", last);
    }
    if !place.literal
        && let Some((name, value)) = last.split_once('=')
        && let Some(option) = name.strip_prefix("--").and_then(|name| long(place.command, name))
    {
        return values(option, &format!("{name}="), value);
    }
    if last.starts_with('-') && !place.literal {
        return (options(place.command, last), false);
    }
    let (mut found, mut files) = (Vec::new(), false);
    if place.positionals == 0 && !place.literal {
        found = subcommands(place.command, last);
    }
    let positionals: Vec<&Arg> = place.command.get_positionals().collect();
    let repeated = positionals.last().filter(|arg| arg.get_action().takes_values() && many(arg));
    if let Some(arg) = positionals.get(place.positionals).or(repeated) {
        let (more, may_be_file) = values(arg, "", last);
        found.extend(more);
        files = may_be_file;
    }
    (found, files)
}

/// Where a command line stands.
struct Place<'a> {
    command: &'a Command,
    /// Waits for its value.
    option: Option<&'a Arg>,
    /// How many positional arguments there are.
    positionals: usize,
    /// Behind `--`, where nothing is an option.
    literal: bool,
}

impl<'a> Place<'a> {
    fn behind(root: &'a Command, words: &[String]) -> Self {
        let mut place = Self { command: root, option: None, positionals: 0, literal: false };
        for word in words {
            place.take(word);
        }
        place
    }

    fn take(&mut self, word: &str) {
        if self.option.take().is_some() {
            return;
        }
        if self.literal || word == "-" || !word.starts_with('-') {
            match self.command.find_subcommand(word).filter(|_| !self.literal) {
                Some(command) if self.positionals == 0 => self.command = command,
                _ => self.positionals += 1,
            }
        } else if word == "--" {
            self.literal = true;
        } else if let Some(name) = word.strip_prefix("--") {
            self.option = long(self.command, name).filter(|arg| waits(arg));
        } else {
            // Of `-Rf` the last letter may want a value; of `-fFILE` it is the value.
            let mut letters = word.chars().skip(1);
            while let Some(letter) = letters.next() {
                let option = short(self.command, letter).filter(|arg| waits(arg));
                if option.is_some() {
                    self.option = option.filter(|_| letters.next().is_none());
                    break;
                }
            }
        }
    }
}

fn waits(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(arg.get_action(), clap::ArgAction::Append)
}

fn long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    })
}

fn short(command: &Command, letter: char) -> Option<&Arg> {
    command.get_arguments().find(|arg| arg.get_short() == Some(letter))
}

/// The values of `arg` that start with `typed`, each behind `prefix`.
fn values(arg: &Arg, prefix: &str, typed: &str) -> (Vec<Candidate>, bool) {
    let possible = arg.get_possible_values().into_iter();
    let fitting =
        possible.filter(|value| !value.is_hide_set() && value.get_name().starts_with(typed));
    let candidates = fitting
        .map(|value| Candidate {
            word: format!("{prefix}{}", value.get_name()),
            about: value.get_help().map(one_line),
        })
        .collect();
    let hint = arg.get_value_hint();
    (candidates, matches!(hint, ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath))
}

fn options(command: &Command, typed: &str) -> Vec<Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let named = shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), arg)));
    let fitting = named.filter(|(word, _)| word.starts_with(typed));
    fitting.map(|(word, arg)| Candidate { word, about: arg.get_help().map(one_line) }).collect()
}

fn subcommands(command: &Command, typed: &str) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let fitting = shown.filter(|command| command.get_name().starts_with(typed));
    let candidate = |command: &Command| Candidate {
        word: command.get_name().to_owned(),
        about: command.get_about().map(one_line),
    };
    fitting.map(candidate).collect()
}

/// A candidate is a line, its description the rest of it.
fn one_line(text: &clap::builder::StyledStr) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
