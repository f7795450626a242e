//! Mistakes in slo.toml: each is reported by its rule, at exactly the text that is wrong.
//!
//! A case is a file in which `‹rule›text‹/›` stands for `text` with one finding of `rule` on it. All findings of
//! a case, and no others, must appear: so every case also shows that one mistake draws no others after it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is the test's own"
)]

use std::path::Path;

use slogen::finding::Finding;
use slogen::plan::Plan;
use slogen::profile::Library;
use slogen::render;
use slogen::source::{Files, Span};
use slogen::spec::Source;

/// What a correct file needs at least.
const SERVICE: &str = "profile = \"inference\"\n[service]\nname = \"a\"\nimage = \"a:1\"\n";

/// Loads and renders `text`; on failure, its findings as `line:column..end rule`.
fn findings(text: &str, env: Option<&str>) -> (Vec<(Span, &'static str)>, String) {
    let (mut files, mut library) = (Files::default(), Library::default());
    let source =
        Source::parse(&mut files, &mut library, "slo.toml", text.to_owned(), Path::new(""));
    let found =
        source.load(&files, env).and_then(|spec| render::manifests(&Plan::new(&spec), &files));
    let found = found.err().unwrap_or_default();
    let shown = slogen::report::human::report(&found, &files);
    for Finding { help, message, .. } in &found {
        assert!(help.as_ref().is_some_and(|help| !help.is_empty()), "`{message}` says no remedy");
        assert!(!message.ends_with('.'), "`{message}` ends with a full stop");
    }
    let mut found: Vec<_> =
        found.iter().map(|finding| (finding.primary.span, finding.rule)).collect();
    found.sort();
    (found, shown)
}

/// Takes the marks out of `marked`: the text, and each mark's rule with the bytes that it covers.
fn unmark(marked: &str) -> (String, Vec<(usize, usize, String)>) {
    let (mut text, mut marks) = (String::new(), Vec::new());
    let mut rest = marked;
    while let Some((before, tail)) = rest.split_once('‹') {
        let (rule, tail) = tail.split_once('›').expect("a mark has a rule");
        let (inside, after) = tail.split_once("‹/›").expect("a mark ends");
        text.push_str(before);
        marks.push((text.len(), text.len() + inside.len(), rule.to_owned()));
        text.push_str(inside);
        rest = after;
    }
    text.push_str(rest);
    (text, marks)
}

#[track_caller]
fn check_env(marked: &str, env: Option<&str>) {
    let (text, marks) = unmark(marked);
    let (found, shown) = findings(&text, env);
    let found: Vec<_> = found
        .iter()
        .map(|(span, rule)| (span.start as usize, span.end as usize, (*rule).to_owned()))
        .collect();
    assert_eq!(found, marks, "in\n{text}\nfound\n{shown}");
}

/// Checks what follows a correct `[service]` with `name` and `image`.
#[track_caller]
fn check(marked: &str) {
    check_env(&format!("{SERVICE}{marked}"), None);
}

#[test]
fn a_correct_file_has_no_findings() {
    check("");
}

#[test]
fn keys() {
    check("‹spec/unknown-key›lables‹/› = {}");
    check("[‹spec/unknown-key›scalling‹/›]\nmin = 1");
    check("[probes.readiness]\n‹spec/unknown-key›pth‹/› = \"/\"");
    check("[env.prod.scaling]\n‹spec/unknown-key›mim‹/› = 3");
    check("[env.prod]\nprofile = ‹spec/unknown-key›\"web\"‹/›");
    check_env(
        "profile = \"inference\"\n‹spec/unknown-key›extends‹/› = \"base\"\n[service]\nname = \"a\"\nimage = \"a:1\"",
        None,
    );
    check_env("‹spec/missing-key›‹/›‹spec/missing-key›‹/›[targets]", None);
    check_env("[‹spec/missing-key›service‹/›]\nname = \"a\"", None);
    check(
        "‹spec/missing-key›[[targets.latency]]‹/›\npercentile = 95\n‹spec/unknown-key›belw‹/› = \"1s\"",
    );
}

#[test]
fn syntax() {
    check_env("‹spec/empty-file›‹/›  \n", None);
    check("port = ‹spec/syntax›‹/›\n[scaling]\nmin = ‹spec/conflict›30‹/›");
    check("port = 8000\n‹spec/duplicate-key›port‹/› = 9000");
    check("[scaling]\nmin = ‹spec/wrong-type›99999999999999999999‹/›");
    check("[scaling.scale_at]\nin_flight = ‹spec/wrong-type›inf‹/›");
}

#[test]
fn types() {
    check("port = ‹spec/wrong-type›\"8000\"‹/›");
    check("port = ‹spec/bad-value›0‹/›");
    check("env = { A = ‹spec/wrong-type›8000‹/›, B = ‹spec/bad-value›{ secret = \"s\" }‹/› }");
    check("env = { A = ‹spec/wrong-type›\"\\u007f\"‹/› }");
    check("command = ‹spec/wrong-type›\"run\"‹/›");
    check("security = { run_as_non_root = ‹spec/wrong-type›\"yes\"‹/› }");
    check("‹spec/wrong-type›ports‹/› = { name = \"x\" }");
    check("protocol = ‹spec/bad-value›\"htpp\"‹/›");
    check("[scaling]\nmin = ‹spec/wrong-type›\"three\"‹/›\nmax = ‹spec/bad-value›3000000000‹/›");
    check_env("service = ‹spec/wrong-type›3‹/›", None);
}

#[test]
fn units() {
    check("[targets]\nwindow = ‹spec/bad-unit›30‹/›");
    check("[targets]\nwindow = ‹spec/bad-unit›\"30\"‹/›");
    check("[targets]\nerrors = { below = ‹spec/bad-unit›0.01‹/› }");
    check("[targets]\nerrors = { below = ‹spec/bad-unit›\"0.01\"‹/› }");
    check("[metrics]\ninterval = ‹spec/bad-unit›15‹/›");
    check("[probes.startup]\nperiod = ‹spec/bad-unit›\"1500ms\"‹/›");
    check(
        "[resources.requests]\ncpu = ‹spec/bad-quantity›1‹/›\nmemory = ‹spec/bad-quantity›\"2GB\"‹/›",
    );
    check(
        "[resources.limits]\nmemory = ‹spec/bad-quantity›\"4096m\"‹/›\ncpu = ‹spec/bad-quantity›\"2000\"‹/›",
    );
    check(
        "[scaling.up]\npolicies = [‹spec/bad-policy›\"2 / 30s\"‹/›, \"50% / 30s\", ‹spec/bad-policy›\"1 pod / 45m\"‹/›]",
    );
}

#[test]
fn names() {
    check_env(
        "[service]\nname = ‹spec/bad-name›\"My_Service\"‹/›\nimage = ‹spec/bad-image›\"A b\"‹/›\nnamespace = ‹spec/bad-name›\"Prod\"‹/›",
        None,
    );
    check(
        "labels = { ‹spec/bad-name›\"a/b/c\"‹/› = \"x\", b = ‹spec/bad-name›\"x y\"‹/›, ‹spec/conflict›app‹/› = \"x\" }",
    );
    check("annotations = { ‹spec/conflict›\"slogen.dev/version\"‹/› = \"x\" }");
    check("env = { ‹spec/bad-name›\"A B\"‹/› = \"x\" }");
    check(
        "[metrics]\nselector = { ‹spec/bad-name›\"a-b\"‹/› = \"x\" }\nrequests = ‹spec/bad-name›\"a b\"‹/›",
    );
    let (forty_six, fifty_three) = ("a".repeat(46), "a".repeat(53));
    check_env(
        &format!(
            "profile = \"worker\"\n[service]\nname = ‹spec/long-name›\"{forty_six}\"‹/›\nimage = \"a:1\""
        ),
        None,
    );
    check_env(
        &format!(
            "[service]\nworkload = \"statefulset\"\nname = ‹spec/long-name›\"{fifty_three}\"‹/›\nimage = \"a:1\""
        ),
        None,
    );
    check_env(
        &format!("[service]\nname = ‹spec/bad-name›\"{}\"‹/›\nimage = \"a:1\"", "a".repeat(64)),
        None,
    );
}

#[test]
fn service() {
    check("ports = [{ name = ‹spec/conflict›\"http\"‹/›, port = 9000 }]");
    check("port = 8000\nports = [{ name = \"x\", port = ‹spec/conflict›8000‹/› }]");
    check("volumes = [‹spec/bad-value›{ name = \"x\", mount = \"/x\" }‹/›]");
    check(
        "volumes = [{ name = \"x\", mount = \"/x\", pvc = \"x\" }, { name = ‹spec/conflict›\"x\"‹/›, mount = \"/y\", secret = \"x\" }]",
    );
    check("volumes = [{ name = \"x\", mount = ‹spec/bad-value›\"x\"‹/›, pvc = \"x\" }]");
    check("security = { run_as_user = ‹spec/conflict›0‹/› }");
    check("tolerations = [{ key = \"a\", seconds = ‹spec/conflict›\"10s\"‹/› }]");
}

#[test]
fn targets() {
    check(
        "[targets]\nlatency = [{ percentile = 95, below = ‹spec/threshold-not-a-bucket›\"300ms\"‹/› }]",
    );
    check("[targets]\nlatency = [{ percentile = ‹spec/bad-value›100‹/›, below = \"350ms\" }]");
    check("[targets]\nlatency = [{ percentile = ‹spec/wrong-type›\"95\"‹/›, below = \"350ms\" }]");
    check(
        "[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }, { percentile = ‹spec/conflict›95‹/›, below = \"500ms\" }]",
    );
    check("[targets]\nerrors = { below = ‹spec/bad-value›\"0%\"‹/› }");
    check("[targets]\nerrors = { below = ‹spec/bad-value›\"100%\"‹/› }");
    check("[targets]\nin_flight = { per_pod = ‹spec/bad-value›0‹/› }");
    check(
        "env = { PREDICT_MAX_CONCURRENCY = \"8\" }\n[targets]\nin_flight = { per_pod = ‹spec/conflict›10‹/› }",
    );
    check("[targets]\ncpu = { utilization = ‹spec/bad-value›\"80.5%\"‹/› }");
    check("[targets]\ncpu = { utilization = ‹spec/conflict›\"400%\"‹/› }");
    check("[targets]\nwindow = ‹spec/bad-value›\"1h\"‹/›");
}

#[test]
fn burn_rate_tiers() {
    check("[targets]\nlatency = [{ percentile = ‹spec/dead-tier›90‹/›, below = \"350ms\" }]");
    check(
        "[targets]\nlatency = [{ percentile = 90, below = \"350ms\" }]\n[alerts]\nburn_rate = false",
    );
    check("[targets]\nlatency = []\n[alerts]\nexpected_rps = ‹spec/low-traffic›0.001‹/›");
    check("[targets]\nlatency = []\n[alerts]\nexpected_rps = 0.01");
    let tier = |factor: &str| {
        format!(
            "[targets]\nlatency = [{{ percentile = 90, below = \"350ms\" }}]\n[alerts]\ntiers = [{{ name = \"q\", short = \"5m\", long = \"1h\", factor = {factor} }}]"
        )
    };
    check(&tier("9.9"));
    check(&tier("‹spec/dead-tier›10‹/›"));
    check(
        "[targets]\nwindow = \"7d\"\n[alerts]\ntiers = [{ name = \"q\", short = \"2h\", long = \"1h\", factor = ‹spec/bad-value›2‹/› }]",
    );
}

#[test]
fn metrics() {
    check("[metrics]\nport = ‹spec/unknown-port›\"metrics\"‹/›");
    check("[metrics]\nscrape_timeout = ‹spec/conflict›\"20s\"‹/›");
    check("[metrics]\nprometheus_url = ‹spec/bad-value›\"prometheus:9090\"‹/›");
    check("[metrics]\nrate_window = ‹spec/conflict›\"20s\"‹/›");
    check("[metrics]\nerrors = { status = ‹spec/bad-value›\"5[\"‹/› }");
    check("[metrics]\nerrors = { status = ‹spec/bad-value›\"(?u)5..\"‹/› }");
    check("[metrics]\nerrors = { route = \"(?i:/x)|/y/\\\\{id}\" }");
    check("[metrics]\nbuckets = ‹spec/bad-value›[0.5, 0.35]‹/›");
    check("[metrics]\ninterval = ‹spec/bad-value›\"3m\"‹/›");
    check("[metrics]\nprometheus = ‹spec/bad-value›4‹/›");
}

#[test]
fn resources() {
    check(
        "[resources]\nrequests = { cpu = ‹spec/conflict›\"3\"‹/›, memory = ‹spec/conflict›\"5Gi\"‹/› }",
    );
    check(
        "[resources]\nrequests = { cpu = \"1\" }\nlimits = { cpu = \"1000m\" }\n[targets]\ncpu = { utilization = ‹spec/conflict›\"95%\"‹/› }",
    );
}

#[test]
fn probes() {
    check("[probes]\nmodel_load = ‹spec/conflict›\"121s\"‹/›");
    check("[probes]\nmodel_load = \"120s\"");
    check(
        "[probes]\nmodel_load = \"90s\"\nstartup = { period = \"5s\", failures = ‹spec/conflict›12‹/› }",
    );
    check("[probes]\nliveness = { path = \"/ready\", period = ‹spec/conflict›\"5s\"‹/› }");
    check(
        "[probes]\nreadiness = { path = \"/healthz\", period = \"30s\" }\nliveness = { period = ‹spec/conflict›\"30s\"‹/› }",
    );
    check("[probes]\nreadiness = { path = \"/x\", ‹spec/conflict›tcp‹/› = true }");
    check("[probes]\nreadiness = { port = ‹spec/unknown-port›\"htp\"‹/› }");
    check("[probes]\nreadiness = { timeout = ‹spec/conflict›\"11s\"‹/› }");
    check("[probes]\nliveness = { successes = ‹spec/bad-value›2‹/› }");
    check("[probes]\nstartup = { failures = ‹spec/bad-value›0‹/› }");
}

#[test]
fn scaling() {
    check("[scaling]\nmin = ‹spec/conflict›21‹/›");
    check("[scaling]\nmax = ‹spec/conflict›2‹/›");
    check("[scaling]\nmin = ‹spec/conflict›0‹/›");
    check("[scaling]\nreplicas = 3\n‹spec/conflict›max‹/› = 9");
    check("[scaling]\nscale_on = [\"latency\", ‹spec/bad-value›\"cpus\"‹/›]");
    check("[scaling]\nscale_on = [‹spec/conflict›\"saturation\"‹/›, \"cpu\"]");
    check("[scaling]\nscale_on = ‹spec/conflict›[]‹/›");
    check("[scaling]\nheadroom = ‹spec/bad-value›\"100%\"‹/›");
    check("[scaling.up]\nstabilization = ‹spec/bad-value›\"2h\"‹/›");
    check("[scaling.down]\npolicies = ‹spec/bad-value›[]‹/›");
    check("[scaling.rollout]\nmax_surge = ‹spec/conflict›0‹/›");
    check("[scaling.rollout]\nmax_unavailable = ‹spec/conflict›\"100%\"‹/›");
    check("workload = \"statefulset\"\n[scaling.rollout]\n‹spec/conflict›max_surge‹/› = 1");
    check("[scaling]\nbackend = ‹spec/unsupported›\"keda\"‹/›");
}

#[test]
fn availability() {
    check("[availability]\npdb = { max_unavailable = ‹spec/conflict›0‹/› }");
    check("[availability]\npdb = { min_available = ‹spec/conflict›3‹/› }");
    check("[availability]\npdb = { min_available = 2 }");
    check("[availability]\npdb = { max_unavailable = 1, ‹spec/conflict›min_available‹/› = 2 }");
    check("[availability]\ntermination_grace = ‹spec/conflict›\"12s\"‹/›");
}

#[test]
fn alerts_and_outputs() {
    check("[alerts]\nrunbook_url = ‹spec/bad-value›\"runbooks\"‹/›");
    check("[alerts]\nlabels = { ‹spec/conflict›severity‹/› = \"x\" }");
    check("[outputs]\ndashboard = ‹spec/unsupported›true‹/›");
}

#[test]
fn patches() {
    check(
        "[[patch]]\ntarget = { kind = ‹spec/unmatched-patch›\"Deploymnt\"‹/› }\nmerge = { spec = {} }",
    );
    check(
        "[[patch]]\ntarget = { kind = \"Deployment\", name = ‹spec/unmatched-patch›\"b\"‹/› }\nmerge = { spec = {} }",
    );
    check(
        "[[patch]]\ntarget = { kind = \"Deployment\" }\nops = [‹spec/failed-patch›{ op = \"replace\", path = \"/spec/nope\", value = 1 }‹/›]",
    );
    check(
        "[[patch]]\ntarget = { kind = \"Deployment\" }\nops = [‹spec/failed-patch›{ op = \"add\", path = \"/spec/replica\", value = 1 }‹/›]",
    );
    check(
        "[[patch]]\ntarget = { kind = \"Deployment\" }\n‹spec/failed-patch›merge‹/› = { metadata = { name = \"b\" } }",
    );
    check(
        "[[patch]]\ntarget = { kind = \"ServiceMonitor\" }\n‹spec/failed-patch›merge‹/› = { spec = { jobLabl = \"x\" } }",
    );
    check(
        "[[patch]]\ntarget = { kind = \"Deployment\" }\nmerge = { spec = { revisionHistoryLimit = 3 } }",
    );
}

#[test]
fn profiles_and_overlays() {
    check_env(
        "profile = ‹spec/unknown-profile›\"infrence\"‹/›\n[service]\nname = \"a\"\nimage = \"a:1\"",
        None,
    );
    check_env(
        "profile = ‹spec/unknown-profile›\"./no-such.toml\"‹/›\n[service]\nname = \"a\"\nimage = \"a:1\"",
        None,
    );
    check_env(
        &format!("‹spec/unknown-overlay›‹/›{SERVICE}[env.staging.scaling]\nmin = 1"),
        Some("stagin"),
    );
    check_env(
        &format!("{SERVICE}[env.staging.scaling]\nmin = ‹spec/conflict›30‹/›"),
        Some("staging"),
    );
    check_env(&format!("{SERVICE}[env.staging.scaling]\nmin = 30"), None);
}

/// Ten mistakes in one file are ten findings.
#[test]
fn all_at_once() {
    check_env(
        "profile = ‹spec/unknown-profile›\"infrence\"‹/›
[service]
name = ‹spec/bad-name›\"Ünïcode\"‹/›
image = \"a:1\"
‹spec/unknown-key›prot‹/› = 8000
port = ‹spec/wrong-type›\"8000\"‹/›
[targets]
window = ‹spec/bad-unit›30‹/›
errors = { below = ‹spec/bad-value›\"0%\"‹/› } # öffentlich
[resources]
requests = { cpu = ‹spec/conflict›\"3\"‹/›, memory = ‹spec/bad-quantity›\"2GB\"‹/› }
[scaling]
min = ‹spec/conflict›30‹/›
[scaling.up]
policies = [‹spec/bad-policy›\"2 / 30s\"‹/›]
",
        None,
    );
}
