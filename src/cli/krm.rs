//! `slogen krm`: a KRM function, as kustomize and kpt run them.

use std::io::{IsTerminal, Read};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::integrate::function::{self, Function, Role};
use crate::integrate::resource_list;
use crate::source::Files;
use crate::{report, yaml};

use super::function::{self as run, LoadRestrictor, Place};
use super::{Io, Outcome, Run, Stop, manifests};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Which files may be read: those in or below the folder of the kustomization or package, or any.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    load_restrictor: LoadRestrictor,
}

/// Hosts know only 0 and 1: whatever fails is 1.
pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if std::io::stdin().is_terminal() {
        let message =
            "`slogen krm` reads a ResourceList from standard input; kustomize and kpt run it";
        return run::failed(Err(Stop::Message(message.to_owned())), io);
    }
    let text = crate::source::read(std::path::Path::new("-"), manifests::MAX_BYTES);
    let text = text.map_err(|error| Stop::Message(format!("cannot read standard input: {error}")));
    let run = text.and_then(|text| answer(&text, args.load_restrictor, io));
    run::failed(run, io)
}

/// Runs the function if standard input holds a `ResourceList`; `None` if it does not, and if nobody writes there.
pub(super) fn without_arguments(io: &mut Io<'_>) -> Option<Run> {
    let text = offered()?;
    let run = answer(&text, LoadRestrictor::default(), io);
    Some(run::failed(run, io))
}

/// How long nobody may write to standard input before it counts as nobody's.
const PATIENCE: Duration = Duration::from_secs(3);

/// What standard input holds, if it is a `ResourceList`. A pipe that nobody writes to must not hang slogen.
fn offered() -> Option<String> {
    if std::io::stdin().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            let chunk = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send(chunk).is_err() {
                break;
            }
        }
    });
    let mut bytes: Vec<u8> = Vec::new();
    let mut known = false;
    loop {
        // Who has begun a list may take its time.
        let chunk = if known {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            receiver.recv_timeout(PATIENCE)
        };
        match chunk {
            Ok(chunk) => bytes.extend(chunk),
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        known = known || resource_list::may_be(&String::from_utf8_lossy(&bytes));
        if bytes.len() as u64 > manifests::MAX_BYTES {
            return None;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| resource_list::may_be(text))
}

fn answer(text: &str, restrictor: LoadRestrictor, io: &mut Io<'_>) -> Run {
    let mut files = Files::default();
    let file = files.add("standard input", text.to_owned());
    let stream = yaml::parse(file, text);
    let list = match resource_list::read(&stream) {
        Ok(list) => list,
        Err(finding) => {
            io.err.write_all(report::human::report(&[*finding], &files).as_bytes())?;
            return Err(Stop::Reported);
        }
    };
    let config = files.add(function::title(&list.config), list.config.clone());
    let place = Place::here(restrictor);
    match run::configured(&files, config, io)? {
        Function::Generator(generator) => {
            let manifests = run::generate(*generator, None, &place, io)?;
            let objects: Vec<_> = manifests.iter().map(|manifest| &manifest.object).collect();
            let text = list.generated(&objects).map_err(|foreign| {
                let (foreign, is) = (foreign.join(", "), if foreign.len() == 1 { "is" } else { "are" });
                Stop::Message(format!(
                    "{foreign} {is} there already, and slogen did not make {}; rename the service in slo.toml, or \
                     take out what slogen shall make",
                    if is == "is" { "it" } else { "them" }
                ))
            })?;
            io.out.write_all(text.as_bytes())?;
            Ok(Outcome::Done)
        }
        Function::Lint(linter) => {
            let linted = run::lint(&linter, None, &list.items, &place, io)?;
            let text = if linter.role == Role::Validator && list.is_of_kustomize() {
                list.emptied(&linted.results).map_err(super::output::bug)?
            } else {
                list.echo(&linted.results)
            };
            io.out.write_all(text.as_bytes())?;
            Ok(if linted.fails { Outcome::Found } else { Outcome::Done })
        }
    }
}
