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
            "[service]\nname = ‹spec/long-name›\"{forty_six}\"‹/›\nimage = \"a:1\"\n[scaling]\nbackend = \"keda\""
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
}

/// Checks what follows a correct `[service]` and `[scaling]` with backend `keda`.
#[track_caller]
fn check_keda(marked: &str) {
    check(&format!("[scaling]\nbackend = \"keda\"\n{marked}"));
}

/// Checks one written trigger.
#[track_caller]
fn check_trigger(marked: &str) {
    check_keda(&format!("[[scaling.keda.triggers]]\n{marked}"));
}

#[test]
fn keda() {
    check_keda("");
    check_keda("scale_on = ‹spec/conflict›[]‹/›");
    check(
        "[targets]\n‹spec/conflict›saturation‹/› = { per_pod = 5 }\n[scaling]\nbackend = \"keda\"\nscale_on = [\"saturation\"]",
    );
    check_keda("keda = { version = ‹spec/bad-value›\"2.13\"‹/› }");
    check_keda("keda = { version = ‹spec/bad-value›2.20‹/› }");
    check_keda("keda = { server = ‹spec/bad-value›\"prometheus:9090\"‹/› }");
    check_keda("scale_at = { latency = ‹spec/bad-value›\"900ns\"‹/› }");
    check_keda("scale_at = { in_flight = ‹spec/bad-value›0.0009‹/› }");
    check_keda("min = ‹spec/conflict›3‹/›\nmax = 2");
}

#[test]
fn keda_bounds() {
    check_keda("keda = { idle = ‹spec/conflict›3‹/› }");
    check_keda("keda = { idle = ‹spec/conflict›2‹/› }");
    check_keda("keda = { idle = ‹spec/bad-value›-1‹/› }");
    check_keda(
        "keda = { ‹spec/conflict›polling‹/› = \"10s\", ‹spec/conflict›cooldown‹/› = \"10m\" }",
    );
    check_keda("min = ‹spec/conflict›0‹/›");
    check_keda("min = ‹spec/conflict›0‹/›\nscale_on = [\"cpu\"]");
    check_keda("keda = { idle = ‹spec/conflict›0‹/› }");
    let kafka = "\n[[scaling.keda.triggers]]\ntype = \"kafka\"\nmetadata = { bootstrapServers = \"k:9092\", consumerGroup = \"g\" }";
    check_keda(&format!("min = ‹spec/conflict›0‹/›{kafka}"));
    check_keda(&format!("min = 0{kafka}\n[outputs]\nservice = false"));
    check_keda(&format!(
        "[outputs]\nservice = false\n[scaling.keda]\nidle = 0\npolling = ‹spec/bad-value›\"0s\"‹/›{kafka}"
    ));
    let own = |query: &str| {
        format!(
            "\n[[scaling.keda.triggers]]\ntype = \"prometheus\"\nmetadata = {{ query = '{query}', threshold = \"5\" }}\n[outputs]\nservice = false"
        )
    };
    check_keda(&format!("min = ‹spec/conflict›0‹/›{}", own("sum(http_requests_in_flight)")));
    check_keda(&format!("min = ‹spec/conflict›0‹/›{}", own("sum(jobs{job=\"a\"})")));
    check_keda(&format!("min = ‹spec/conflict›0‹/›{}", own("sum(jobs{pod=~\"a-.*\"})")));
    check_keda(&format!("min = 0{}", own("sum(jobs{job=\"b\"})")));
}

#[test]
fn keda_fallback() {
    let fallback = |marked: &str| check_keda(&format!("[scaling.keda]\n{marked}"));
    fallback("fallback = { failures = ‹spec/bad-value›0‹/› }");
    fallback("fallback = { replicas = ‹spec/conflict›2‹/› }");
    fallback("fallback = { replicas = ‹spec/conflict›21‹/› }");
    fallback("fallback = { replicas = ‹spec/conflict›-1‹/› }");
    fallback("fallback = { behavior = ‹spec/conflict›\"scalingModifiers\"‹/› }");
    fallback("version = \"2.17.1\"\nfallback = { ‹spec/conflict›failures‹/› = 5 }");
    check_keda("scale_on = [\"cpu\"]\nkeda = { fallback = { ‹spec/conflict›replicas‹/› = 5 } }");
    check_keda(
        "scale_on = [\"in_flight\"]\nkeda = { version = \"2.16\", fallback = { ‹spec/conflict›behavior‹/› = \"currentReplicas\" } }",
    );
    check_keda(
        "scale_on = [\"in_flight\"]\nkeda = { version = \"2.16\", fallback = { behavior = \"static\", replicas = 5 } }",
    );
}

#[test]
fn keda_triggers() {
    check_trigger("type = ‹spec/bad-value›\"kafak\"‹/›\nmetadata = {}");
    check_trigger("type = \"some-new-thing\"\nmetadata = { a = ‹spec/wrong-type›1‹/› }");
    check_trigger(
        "type = \"redis\"\nmetric_type = ‹spec/bad-value›\"Utilization\"‹/›\nmetadata = {}",
    );
    check_trigger("type = \"redis\"\nname = ‹spec/conflict›\"in_flight\"‹/›\nmetadata = {}");
    check_trigger(
        "type = \"kafka\"\n‹spec/missing-key›metadata‹/› = { bootstrapServers = \"k:9092\", lagThreshold = ‹spec/bad-value›\"0\"‹/› }",
    );
    let kafka = "type = \"kafka\"\nmetadata = { bootstrapServersFromEnv = \"BROKERS\", consumerGroup = \"g\"";
    check_trigger(&format!("{kafka}, offsetResetPolicy = ‹spec/bad-value›\"newest\"‹/› }}"));
    check_trigger(&format!(
        "{kafka}, topic = \"t\", limitToPartitionsWithLag = \"true\", ‹spec/conflict›allowIdleConsumers‹/› = \"true\" }}"
    ));
    check_trigger(&format!("{kafka}, ‹spec/conflict›limitToPartitionsWithLag‹/› = \"true\" }}"));
    check_trigger(&format!("metric_type = ‹spec/conflict›\"Value\"‹/›\n{kafka} }}"));
    let cron = |start: &str, end: &str, replicas: &str| {
        check_trigger(&format!(
            "type = \"cron\"\nmetadata = {{ timezone = \"UTC\", start = {start}, end = {end}, desiredReplicas = {replicas} }}"
        ));
    };
    cron("\"0 8 * * *\"", "\"0 18 * * *\"", "\"5\"");
    cron("\"0 8 * * *\"", "‹spec/conflict›\"0  8 * * *\"‹/›", "\"5\"");
    cron("‹spec/bad-value›\"@daily\"‹/›", "\"0 8 * * *\"", "\"5\"");
    cron("\"0 8 * * *\"", "\"0 18 * * *\"", "‹spec/bad-value›\"0\"‹/›");
    cron("\"0 8 * * *\"", "\"0 18 * * *\"", "‹spec/conflict›\"21\"‹/›");
    cron("\"0 8 * * *\"", "‹spec/bad-value›\"\"‹/›", "\"5\"");
    check_trigger(
        "type = \"cron\"\n‹spec/missing-key›metadata‹/› = { start = \"0 8 * * *\", end = \"0 9 * * *\", desiredReplicas = \"5\" }",
    );
    check_trigger("type = ‹spec/bad-value›\"memory\"‹/›\nmetadata = { value = \"80\" }");
    check_trigger(
        "type = \"memory\"\nmetadata = { ‹spec/conflict›type‹/› = \"Utilization\", value = \"80\" }",
    );
    check_trigger(
        "type = \"memory\"\nmetric_type = \"AverageValue\"\nmetadata = { value = ‹spec/bad-value›\"lots\"‹/›, containerName = ‹spec/conflict›\"b\"‹/› }",
    );
}

#[test]
fn keda_queries() {
    let query = |before: &str, query: &str, more: &str| {
        check_trigger(&format!(
            "type = \"prometheus\"\n{before}metadata = {{ query = {query}{more} }}"
        ));
    };
    let ten = ", threshold = \"10\"";
    query("", "'sum(x)'", ten);
    query("", "‹spec/bad-value›'x'‹/›", ten);
    query("", "‹spec/bad-value›'sum by (pod) (x)'‹/›", ten);
    query("", "‹spec/bad-value›'sum(x'‹/›", ten);
    query("", "‹spec/bad-value›'1 + 1'‹/›", ten);
    query("", "‹spec/conflict›'avg(x)'‹/›", ten);
    query("metric_type = \"Value\"\n", "'avg(x)'", ten);
    query("metric_type = ‹spec/conflict›\"AverageValue\"‹/›\n", "'sum(x) / sum(y)'", ten);
    query("metric_type = ‹spec/conflict›\"Value\"‹/›\n", "'sum(x)'", ten);
    query("", "'sum(x)'", ", threshold = ‹spec/bad-value›\"0\"‹/›");
    query("", "'sum(x)'", ", threshold = ‹spec/bad-value›\"0.0004\"‹/›");
    query("", "'sum(x)'", ", threshold = ‹spec/bad-value›\"ten\"‹/›");
    query(
        "",
        "'sum(x)'",
        ", threshold = \"1e3\", activationThreshold = ‹spec/bad-value›\"0.0001\"‹/›",
    );
    query("", "'sum(x)'", ", threshold = \"1\", serverAddress = ‹spec/bad-value›\"\"‹/›");
    check_trigger("type = \"prometheus\"\n‹spec/missing-key›metadata‹/› = { query = 'sum(x)' }");
    check(
        "[targets]\nsaturation = { query = ‹spec/conflict›'avg(x)'‹/›, per_pod = 5 }\n[scaling]\nbackend = \"keda\"\nscale_on = [\"saturation\"]",
    );
}

#[test]
fn keda_modifiers_and_auth() {
    let formula = |marked: &str| {
        check_keda(&format!(
            "scale_on = [\"in_flight\", \"cpu\"]\n[scaling.keda]\nmodifiers = {{ {marked} }}"
        ));
    };
    formula("formula = \"in_flight * 2\", target = 5");
    formula("formula = \"in_flight\", target = ‹spec/bad-value›0‹/›");
    formula("formula = \"in_flight\", target = ‹spec/bad-value›2.5‹/›");
    formula(
        "formula = \"in_flight\", target = 5, metric_type = ‹spec/bad-value›\"Utilization\"‹/›",
    );
    formula("formula = ‹spec/bad-value›\" \"‹/›, target = 5");
    formula("formula = ‹spec/bad-value›\"in_flight + lag\"‹/›, target = 5");
    formula("formula = ‹spec/bad-value›\"inflight\"‹/›, target = 5");
    formula("formula = ‹spec/conflict›\"1 + 1\"‹/›, target = 5");
    check_keda(
        "[scaling.keda]\nmodifiers = { formula = \"in_flight + latency_p95\", target = 5 }\n[[scaling.keda.triggers]]\ntype = ‹spec/conflict›\"redis\"‹/›\nmetadata = {}",
    );
    let auth = |marked: &str| check_keda(&format!("[scaling.keda]\n{marked}"));
    auth("auth = { secret = \"s\", bearer_token = \"t\" }");
    auth("‹spec/bad-value›auth‹/› = { secret = \"s\" }");
    auth("auth = { secret = \"s\", username = ‹spec/conflict›\"u\"‹/› }");
    auth(
        "auth = { secret = \"s\", bearer_token = \"t\", ‹spec/conflict›username‹/› = \"u\", password = \"p\" }",
    );
    check_keda(
        "scale_on = [\"cpu\"]\nkeda = { ‹spec/conflict›auth‹/› = { secret = \"s\", bearer_token = \"t\" } }",
    );
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
    check("[outputs]\nrule_tests = ‹spec/wrong-type›\"yes\"‹/›");
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
