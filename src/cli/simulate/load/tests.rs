//! The options as users write them.

#![expect(clippy::float_cmp, reason = "the values are exact, or rounded by the test")]

use clap::Parser;

use super::*;
use crate::simulate::load::Offered;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    load: LoadArgs,
}

/// The load that `words` ask for with a think time in slo.toml, and what standard error says; else why there is none.
fn load_with(configured: Option<&str>, words: &[&str]) -> Result<(Load, String), String> {
    let words = std::iter::once("simulate").chain(words.iter().copied());
    let args = Command::try_parse_from(words).map_err(|error| {
        // The first line says it; the others are about usage.
        let text = error.to_string();
        text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })?;
    let configured = configured.map(|text| Duration::parse(text).unwrap());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let load = args.load.load(configured, &mut Io { out: &mut out, err: &mut err, colour: false });
    assert!(out.is_empty());
    let err = anstream::adapter::strip_str(&String::from_utf8(err).unwrap()).to_string();
    match load {
        Ok(load) => Ok((load, err)),
        Err(Stop::Message(message)) => Err(message),
        Err(Stop::Reported | Stop::ClosedPipe) => Err(err),
    }
}

fn load(words: &[&str]) -> Result<(Load, String), String> {
    load_with(None, words)
}

fn think_s(load: &Load) -> f64 {
    match load.at(0.0) {
        Offered::Users { think_s, .. } => think_s,
        Offered::Rate(_) => f64::NAN,
    }
}

#[test]
fn the_options_are_consistent() {
    use clap::CommandFactory;
    Command::command().debug_assert();
}

#[test]
fn think_times_come_from_the_nearest_place() {
    let users = ["--users", "50,100,200", "--stage", "240s"];
    let (load, err) = load(&users).unwrap();
    assert_eq!((load.duration_s(), load.stages().len(), think_s(&load)), (720.0, 3, 0.1));
    assert_eq!(
        err,
        "note: users think for 100ms between two requests; `--think`, or `think_time` of `[simulate]` in slo.toml, says \
         otherwise\n"
    );
    let (load, err) = load_with(Some("2s"), &users).unwrap();
    assert_eq!((think_s(&load), err.as_str()), (2.0, ""));
    let (load, err) = load_with(Some("2s"), &[&users[..], &["--think", "0s"]].concat()).unwrap();
    assert_eq!((think_s(&load), err.as_str()), (0.0, ""));
    let (load, err) = load_with(Some("2s"), &["--rps", "5"]).unwrap();
    assert_eq!((load.at(0.0), err.as_str()), (Offered::Rate(5.0), ""));
}

#[test]
fn options_combine() {
    let (load, err) = load(&[
        "--rps",
        "20..400,400",
        "--spike",
        "+300@10m+90s,x2@1m+1s",
        "--spike",
        "0@15m+1m",
        "--noise",
        "20%/1m",
        "--seed",
        "7",
    ])
    .unwrap();
    assert_eq!((load.duration_s(), err.as_str()), (1560.0, ""));
    assert_eq!(load.at(910.0), Offered::Rate(0.0));
    let (again, _) =
        load_with(None, &["--rps", "20..400,400", "--noise", "20%/1m", "--seed", "8"]).unwrap();
    assert_ne!(load.at(30.0), again.at(30.0));
    let (week, _) =
        load_with(None, &["--daily", "40..300users@20h", "--days", "7", "--think", "1s"]).unwrap();
    assert_eq!(week.duration_s(), 604_800.0);
    assert_eq!(week.at(72_000.0), Offered::Users { users: 300.0, think_s: 1.0 });
}

#[test]
fn traces_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.csv");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "t,users,think\n0,10,0.5\n60,20,0.5\n").unwrap();
    let (recorded, err) = load_with(Some("2s"), &["--trace", file]).unwrap();
    assert_eq!(
        (recorded.at(30.0), err.as_str()),
        (Offered::Users { users: 15.0, think_s: 0.5 }, "")
    );
    assert_eq!(
        load(&["--trace", file, "--think", "1s"]).unwrap_err(),
        "--think: the trace has think times of its own; take its column `think` out for 1s throughout"
    );

    std::fs::write(&path, r#"[{"metric":{},"values":[[0,"10"],[60,"20"]]}]"#).unwrap();
    let (recorded, _) = load(&["--trace", file]).unwrap();
    assert_eq!(recorded.at(30.0), Offered::Rate(15.0));
    let (recorded, _) = load(&["--trace", file, "--trace-unit", "users", "--think", "1s"]).unwrap();
    assert_eq!(recorded.at(30.0), Offered::Users { users: 15.0, think_s: 1.0 });

    std::fs::write(&path, "t,rps\n0,1\n15,1\n30,1\n600,1\n").unwrap();
    let gap = load(&["--trace", file]).unwrap_err();
    assert!(gap.contains("load.csv:5:1: error: simulate/trace"), "{gap}");
    assert!(gap.contains("there is no sample for 9m30s, where steps are 15s mostly"), "{gap}");
    let (filled, err) = load(&["--trace", file, "--fill-gaps"]).unwrap();
    assert_eq!(filled.duration_s(), 600.0);
    assert!(err.contains("load.csv:5:1: warning: simulate/trace"), "{err}");

    std::fs::write(&path, b"t,rps\n0,\xff\n").unwrap();
    let binary = load(&["--trace", file]).unwrap_err();
    assert_eq!(binary, format!("cannot read `{file}`: line 2 is not UTF-8"));
}

#[test]
fn wrong_options_say_what_to_write() {
    for (words, expected) in [
        (
            &[][..],
            "nothing says what clients offer; write `--users 50,100,200 --stage 240s`, `--rps 50..200`, `--daily 40..300` or `--trace FILE`",
        ),
        (
            &["--rps", "-5"],
            "invalid value '-5' for '--rps <LIST>': `-5` is negative; write 0 or more: clients take no request back",
        ),
        (
            &["--users", "50-200"],
            "invalid value '50-200' for '--users <LIST>': `50-200` is not a number; write `50..200` for a ramp",
        ),
        (
            &["--rps", "5", "--stage", "240"],
            "invalid value '240' for '--stage <DURATION>': duration `240` has no unit; add the unit: did you mean `240ms`?",
        ),
        (
            &["--rps", "5,6,7", "--stage", "4m,5m"],
            "--stage: 2 lengths of stages do not fit 3 stages; write one for all, such as `4m`, or 3, one for each",
        ),
        (
            &["--rps", "5", "--stage", "5m", "--spike", "9@5m+1s"],
            "--spike: the spike `9@5m+1s` starts when the load has ended, which it does after 5m; let it start earlier, or the load last longer",
        ),
        (
            &["--daily", "40..300", "--think", "1s"],
            "--think: requests per second come whether or not users think; leave it out, or give users: `--users 50`, \
             `--daily 40..300users`, `--trace-unit users`",
        ),
        (
            &["--users", "5", "--think", "2d"],
            "invalid value '2d' for '--think <DURATION>': a think time of 2d is longer than a day; check the unit",
        ),
        (
            &["--rps", "5", "--noise", "10"],
            "invalid value '10' for '--noise <PERCENT[/DURATION]>': ratio `10` has no unit; add the percent sign: `10%`",
        ),
        (
            &["--rps", "5", "--users", "5"],
            "the argument '--rps <LIST>' cannot be used with '--users <LIST>'",
        ),
        (
            &["--rps", "5", "--think", "1s"],
            "the argument '--rps <LIST>' cannot be used with '--think <DURATION>'",
        ),
        (
            &["--daily", "1..5", "--stage", "1m"],
            "the argument '--daily <LOW..HIGH[@PEAK]>' cannot be used with '--stage <DURATION>'",
        ),
        (
            &["--rps", "5", "--days", "2"],
            "the argument '--rps <LIST>' cannot be used with '--days <COUNT>'",
        ),
        (
            &["--rps", "5", "--fill-gaps"],
            "the argument '--rps <LIST>' cannot be used with '--fill-gaps'",
        ),
        (&["--days", "2"], "the following required arguments were not provided:"),
        (&["--trace-unit", "rps"], "the following required arguments were not provided:"),
        (&["--stage", "4m"], "the following required arguments were not provided:"),
        (&["--rps", "5", "--seed", "2"], "the following required arguments were not provided:"),
        (
            &["--trace", "/does/not/exist"],
            "cannot read `/does/not/exist`: No such file or directory (os error 2)",
        ),
    ] {
        let Err(message) = load(words) else { panic!("{words:?} is taken") };
        assert_eq!(message, expected, "{words:?}");
    }
}
