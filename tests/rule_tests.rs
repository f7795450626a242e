//! Holds the emitted rule tests to account: promtool passes them on the emitted rules, and on no others. Each
//! mutant differs from the emitted rules by one change that somebody would notice in production, and must fail.
//!
//! Without promtool nothing runs, unless `SLOGEN_REQUIRE_TOOLS=1`, as in CI, forbids it.

#![cfg(test)]

mod common;
mod installed;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use promql_parser::parser;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use common::{Case, cases, documents, id, list, of_kind, slogen};
use installed::tool;

/// Which of the test `files` promtool passes, in their order, and what it says of the others.
fn passes(promtool: &Path, files: &[PathBuf]) -> (Vec<bool>, String) {
    let mut command = Command::new(promtool);
    let output = command.args(["test", "rules"]).args(files).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let passed = files.iter().map(|file| {
        let line = format!("Unit Testing:  {}\n", file.display());
        let (_, after) = report.split_once(&line).unwrap_or_else(|| panic!("no {line}{report}"));
        after.starts_with("  SUCCESS")
    });
    (passed.collect(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The rules and the two files of tests, each where it is named; `None` without any rules.
fn write(case: &Case, folder: &Path) -> Option<[PathBuf; 3]> {
    let selection = ["--only", "rules,rule-tests,window-tests", "--out-dir"];
    let arguments = selection.map(PathBuf::from).into_iter().chain([folder.to_path_buf()]);
    let output = case.run(&arguments.collect::<Vec<_>>());
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(of_kind(&case.objects(), "PrometheusRule").is_empty(), "{}: {error}", case.name);
        return None;
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files.try_into().unwrap())
}

#[test]
fn the_plain_rules_are_those_of_the_object() {
    for case in cases() {
        for object in of_kind(&case.objects(), "PrometheusRule") {
            let plain = documents(&case.render(&["--only", "rules"]));
            assert!(plain == [object["spec"].clone()], "{}: {}", case.name, id(object));
        }
    }
}

#[test]
fn they_are_written_beside_the_objects_where_slo_toml_asks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().into_iter().find(|case| case.name == "podmonitor").unwrap();
    case.write_to(folder.path());
    let asked = tempfile::tempdir().unwrap();
    for file in write(&case, asked.path()).unwrap() {
        let beside = folder.path().join(file.file_name().unwrap());
        assert!(fs::read(beside).unwrap() == fs::read(&file).unwrap(), "{}", file.display());
    }
    assert!(!case.render(&[]).contains("promql_expr_test"), "they join no stream");
}

/// Two files in one stream would be read as one of them.
#[test]
fn a_stream_holds_one_of_them() {
    let case = cases().into_iter().find(|case| case.name == "inference").unwrap();
    let other = cases().into_iter().find(|case| case.name == "web").unwrap();
    let paths = [&case, &other].map(|case| case.folder.join("slo.toml"));
    let [one, two] = paths.each_ref().map(|path| path.to_str().unwrap());
    for arguments in [
        &["-f", one, "--only", "rules,rule-tests"][..],
        &["-f", one, "-f", two, "--only", "rule-tests"],
    ] {
        let output = slogen().arg("render").args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(error.contains("--out-dir"), "{error}");
    }
}

#[test]
fn promtool_passes_them_on_every_case() {
    let Some(promtool) = tool("promtool") else { return };
    let mut seen = 0;
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        let Some([_, tests, windows]) = write(&case, folder.path()) else { continue };
        let started = Instant::now();
        let (passed, errors) = passes(&promtool, &[tests, windows]);
        assert_eq!(passed, [true, true], "{}:\n{errors}", case.name);
        assert!(started.elapsed() < Duration::from_secs(60), "{}: too slow", case.name);
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} cases have rules");
}

/// One change of one rule.
struct Mutant {
    what: String,
    /// The changed rule; `None` where it is gone.
    rule: Option<Value>,
}

#[test]
fn every_mutant_fails() {
    let Some(promtool) = tool("promtool") else { return };
    let case = cases().into_iter().find(|case| case.name == "inference").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let read = |file: &PathBuf| documents(&fs::read_to_string(file).unwrap()).remove(0);
    let [rules, tests, windows] = write(&case, folder.path()).unwrap();
    let (rules, tests) = (read(&rules), [read(&tests), read(&windows)]);

    let (mut files, mut names, mut originals) = (Vec::new(), Vec::new(), Vec::new());
    let mut equivalent = 0;
    for group in list(&rules["groups"]) {
        let all = list(&group["rules"]);
        for (at, rule) in all.iter().enumerate() {
            let kept = tests.each_ref().map(|tests| covering(tests, group, rule));
            let original = Mutant { what: "itself".to_owned(), rule: Some(rule.clone()) };
            let mut mutants = mutants(rule);
            equivalent += mutants.len();
            mutants.retain(|mutant| !is_equivalent(rule, &mutant.what));
            equivalent -= mutants.len();
            for mutant in std::iter::once(original).chain(mutants) {
                let number = names.len();
                // What the rule reads comes before it.
                let mut some: Vec<Value> = needed(&all[..at], rule);
                some.extend(mutant.rule);
                let rule_file = folder.path().join(format!("{number}.rules.yaml"));
                let groups = json!({ "groups": [{ "name": "some", "rules": some }] });
                fs::write(&rule_file, groups.to_string()).unwrap();
                let pair = ["test", "windows"].into_iter().zip(&kept).map(|(kind, kept)| {
                    let mut tests = kept.clone();
                    tests["rule_files"] = json!([rule_file.file_name().unwrap().to_string_lossy()]);
                    let file = folder.path().join(format!("{number}.{kind}.yaml"));
                    fs::write(&file, tests.to_string()).unwrap();
                    file
                });
                files.push(pair.collect::<Vec<_>>());
                names.push(format!("{}: {} in {}", name(rule), mutant.what, rule["expr"]));
                originals.push(mutant.what == "itself");
            }
        }
    }

    let started = Instant::now();
    let mut survivors: BTreeSet<usize> = (0..files.len()).collect();
    for kind in [0, 1] {
        let left: Vec<usize> = survivors.iter().copied().collect();
        for some in left.chunks(100) {
            let paths: Vec<PathBuf> = some.iter().map(|at| files[*at][kind].clone()).collect();
            let (passed, errors) = passes(&promtool, &paths);
            for (at, passed) in some.iter().zip(passed) {
                assert!(passed || !originals[*at], "{}, unchanged, fails\n{errors}", names[*at]);
                if !passed {
                    survivors.remove(at);
                }
            }
        }
    }
    survivors.retain(|at| !originals[*at]);
    let survivors: Vec<&String> = survivors.iter().map(|at| &names[*at]).collect();
    let count = originals.iter().filter(|original| !**original).count();
    #[expect(clippy::print_stderr, reason = "how much was tested, and how long it took")]
    {
        let time = started.elapsed();
        eprintln!("{count} mutants in {time:?}; {equivalent} equivalent ones left out");
    }
    assert!(
        survivors.is_empty(),
        "{} of {count} mutants pass the tests:\n{survivors:#?}",
        survivors.len()
    );
    assert!(count > 500, "only {count} mutants");
    assert!(started.elapsed() < Duration::from_secs(300), "too slow: {:?}", started.elapsed());
}

fn name(rule: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = &rule["labels"];
    let of = [&labels["slo_name"], &labels["slo"], &labels["tier"]].map(text).concat();
    format!("{}{}{{{of}}}", text(&rule["record"]), text(&rule["alert"]))
}

/// The rules of `before` whose series `rule` reads, and what those read.
fn needed(before: &[Value], rule: &Value) -> Vec<Value> {
    let mut wanted = vec![rule["expr"].as_str().unwrap()];
    let mut needed = Vec::new();
    for other in before.iter().rev() {
        let Some(record) = other["record"].as_str() else { continue };
        if wanted.iter().any(|expr| expr.contains(&format!("{record}{{"))) {
            wanted.push(other["expr"].as_str().unwrap());
            needed.insert(0, other.clone());
        }
    }
    needed
}

/// The tests with a check on what `rule` makes, and of those the checks on it.
fn covering(tests: &Value, group: &Value, rule: &Value) -> Value {
    let slo =
        group["rules"].as_array().unwrap().iter().find_map(|rule| rule["labels"]["slo"].as_str());
    let covers = |check: &Value| {
        let expr = check["expr"].as_str().unwrap();
        if let Some(record) = rule["record"].as_str() {
            let id = rule["labels"]["slo_id"].as_str();
            return expr.contains(&format!("{record}{{"))
                && id.is_some_and(|id| expr.contains(&format!("slo_id=\"{id}\"")))
                || id.is_none() && expr.contains(record);
        }
        let alert = format!("alertname=\"{}\"", rule["alert"].as_str().unwrap());
        let slo = format!("slo=\"{}\"", slo.unwrap_or_default());
        let tier = rule["labels"]["tier"].as_str().map(|tier| format!("tier=\"{tier}\""));
        // Burn rates have tests of their own.
        expr == "ALERTS" && tier.is_none()
            || expr.contains(&alert)
                && expr.contains(&slo)
                && tier.is_none_or(|tier| expr.contains(&tier))
    };
    let mut tests = tests.clone();
    for test in tests["tests"].as_array_mut().unwrap() {
        test["promql_expr_test"].as_array_mut().unwrap().retain(covers);
    }
    let some = |test: &Value| !list(&test["promql_expr_test"]).is_empty();
    tests["tests"].as_array_mut().unwrap().retain(some);
    tests
}

/// True for a mutant that no series whatever tells from the rule.
fn is_equivalent(rule: &Value, what: &str) -> bool {
    let (name, expr) = (name(rule), rule["expr"].as_str().unwrap());
    let of = |alert: &str| name.starts_with(alert);
    // The series that they read carry these labels already.
    let reads_recorded = rule["record"].is_string() && expr.contains("{slo_id=");
    let inherits = of("InferenceAtMaxReplicas") || of("InferenceMetricsAbsent");
    let inherited = reads_recorded
        && what.starts_with("label slo_")
        && what.ends_with("dropped")
        && !what.contains("slo_window")
        || inherits && what == "label namespace dropped";
    // Of two series that are matched by all their labels, one may be looked for without.
    let dropped = what.ends_with(" became ``") || what.ends_with(" became `{`");
    let matched = of("InferenceAtMaxReplicas") && dropped && !what.contains("and on");
    // 0 / 0 is not greater than anything; and 0 times a rate is 0, whatever the window.
    let nothing = of("InferenceHighErrorRate") && what.contains("` > 0)` became ` >= 0)`")
        || of("slo:sli_bad:rate5m{errors}") && what.starts_with("2. `[5m]`");
    inherited || matched || nothing
}

/// Everything that may be wrong with a rule.
fn mutants(rule: &Value) -> Vec<Mutant> {
    let changed = |what: String, change: &dyn Fn(&mut Value)| {
        let mut rule = rule.clone();
        change(&mut rule);
        Mutant { what, rule: Some(rule) }
    };
    let mut mutants = vec![Mutant { what: "gone".to_owned(), rule: None }];
    let expr = rule["expr"].as_str().unwrap();
    for (what, expr) in expressions(expr) {
        mutants.push(changed(what, &|rule| rule["expr"] = json!(expr)));
    }
    for key in ["record", "alert"] {
        if let Some(name) = rule[key].as_str() {
            let other = format!("{name}_other");
            mutants.push(changed(format!("{key} {other}"), &|rule| rule[key] = json!(other)));
        }
    }
    for (label, value) in rule["labels"].as_object().into_iter().flatten() {
        let other = format!("{}-other", value.as_str().unwrap());
        mutants.push(changed(format!("label {label}={other}"), &|rule| {
            rule["labels"][label] = json!(other);
        }));
        mutants.push(changed(format!("label {label} dropped"), &|rule| {
            rule["labels"].as_object_mut().unwrap().remove(label);
        }));
    }
    if rule["alert"].is_string() {
        mutants
            .push(changed("label more=x".to_owned(), &|rule| rule["labels"]["more"] = json!("x")));
        let hold = rule["for"].as_str().unwrap_or("0s");
        for other in [doubled(hold), halved(hold), "0s".to_owned()] {
            let what = format!("for {other}");
            mutants.push(changed(what, &|rule| rule["for"] = json!(other)));
        }
    }
    mutants
}

fn doubled(duration: &str) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    format!("{}{unit}", 2 * number.parse::<u64>().unwrap())
}

/// Half as long, in the next smaller unit.
fn halved(duration: &str) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let (parts, smaller) = match unit {
        "d" => (24, "h"),
        "h" => (60, "m"),
        "m" => (60, "s"),
        _ => (1_000, "ms"),
    };
    format!("{}{smaller}", number.parse::<u64>().unwrap() * parts / 2)
}

/// A pattern, and what each place that it matches becomes.
type Change<'a> = (&'a str, Box<dyn Fn(&Captures<'_>) -> String>);

/// `expr` with one change, in every place where it applies, each with what was changed.
fn expressions(expr: &str) -> Vec<(String, String)> {
    let number = |text: &str, factor: f64| {
        let value: f64 = text.parse().unwrap();
        if value == 0.0 { "1".to_owned() } else { format!("{:.10}", value * factor) }
    };
    let changes: Vec<Change<'_>> = vec![
        // Thresholds, factors, quantiles, budgets: numbers that are part of no word, window or string.
        (
            r"(?P<a>[ (])(?P<n>[0-9]+(\.[0-9]+)?)(?P<z>[ ),]|$)",
            Box::new(move |it| format!("{}{}{}", &it["a"], number(&it["n"], 1.1), &it["z"])),
        ),
        (
            r"(?P<a>[ (])(?P<n>[0-9]+(\.[0-9]+)?)(?P<z>[ ),]|$)",
            Box::new(move |it| format!("{}{}{}", &it["a"], number(&it["n"], 1.0 / 1.1), &it["z"])),
        ),
        (r"^(?P<n>[0-9]+) ", Box::new(move |it| format!("{} ", number(&it["n"], 1.1)))),
        (r"\[(?P<w>[0-9]+[a-z])\]", Box::new(|it| format!("[{}]", doubled(&it["w"])))),
        (r"\[(?P<w>[0-9]+[a-z])\]", Box::new(|it| format!("[{}]", halved(&it["w"])))),
        // The window of a recorded share is part of its name.
        (
            r"ratio_rate(?P<w>[0-9]+[a-z])",
            Box::new(|it| format!("ratio_rate{}", doubled(&it["w"]))),
        ),
        (
            r"(?P<l>[a-z_]+)(?P<o>[!=]~?)(?P<v>\x22[^\x22]*\x22)",
            Box::new(|it| format!("{}{}\"other-{}", &it["l"], &it["o"], &it["v"][1..])),
        ),
        (r"status(?P<o>[!=]~)\x225", Box::new(|it| format!("status{}\"4", &it["o"]))),
        (r",[a-z_]+[!=]~?\x22[^\x22]*\x22", Box::new(|_| String::new())),
        (r"\{[a-z_]+[!=]~?\x22[^\x22]*\x22,", Box::new(|_| "{".to_owned())),
        (r"=\x22", Box::new(|_| "!=\"".to_owned())),
        (r"=~\x22", Box::new(|_| "!~\"".to_owned())),
        (r"!~\x22", Box::new(|_| "=~\"".to_owned())),
        (r"\) and \(", Box::new(|_| ") or (".to_owned())),
        (r" and on \(\) ", Box::new(|_| " or on () ".to_owned())),
        (r" and on \(\) \(.*$", Box::new(|_| String::new())),
        (r" or 0 \* .*$", Box::new(|_| String::new())),
        (r" unless on \(\) .*$", Box::new(|_| String::new())),
        (r" unless ", Box::new(|_| " and ".to_owned())),
        (r" > 0\)", Box::new(|_| " >= 0)".to_owned())),
        (r" > ", Box::new(|_| " < ".to_owned())),
        (r" == ", Box::new(|_| " != ".to_owned())),
        (r" == ", Box::new(|_| " <= ".to_owned())),
        (r" \* ", Box::new(|_| " + ".to_owned())),
        (r" - ", Box::new(|_| " + ".to_owned())),
        (r" / ", Box::new(|_| " * ".to_owned())),
        (r"namespace, ", Box::new(|_| String::new())),
        (r"pod, ", Box::new(|_| String::new())),
        (r", pod\)", Box::new(|_| ")".to_owned())),
        (r"avg_over_time", Box::new(|_| "max_over_time".to_owned())),
        (r"sum_over_time", Box::new(|_| "max_over_time".to_owned())),
        (r"without \(slo_window\)", Box::new(|_| "without ()".to_owned())),
        (r"clamp_min", Box::new(|_| "clamp_max".to_owned())),
    ];
    let mut found = Vec::new();
    for (pattern, change) in changes {
        for (place, captures) in (1..).zip(Regex::new(pattern).unwrap().captures_iter(expr)) {
            let whole = captures.get(0).unwrap();
            let other = change(&captures);
            let text = format!("{}{other}{}", &expr[..whole.start()], &expr[whole.end()..]);
            // What does not parse would fail for the wrong reason.
            let new = text != expr && found.iter().all(|(_, other)| *other != text);
            if new && parser::parse(&text).is_ok() {
                found.push((format!("{place}. `{}` became `{other}`", whole.as_str()), text));
            }
        }
    }
    found
}
