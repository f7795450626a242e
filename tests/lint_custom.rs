//! `[[lint.custom]]`: rules that users write in CEL, as they see them.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use slogen::cluster::Settings;
use slogen::config::{self, Overrides};
use slogen::finding::Finding;
use slogen::lint::{self, Options, Source};
use slogen::openapi::Schemas;
use slogen::source::Files;

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  labels: { app: shop }
spec:
  replicas: 12
  template:
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1
        resources: { limits: { memory: 2Gi } }
      - name: proxy
        image: docker.io/proxy:1
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { ports: [{ port: 80 }] }
";

/// One rule `x` with these further lines.
fn rule(lines: &str) -> String {
    format!("[[lint.custom]]\nname = \"x\"\n{lines}\n")
}

/// What the rules of `config` and nothing else find in `manifests`, and what is wrong with the configuration.
fn lint(config: &str, manifests: &str) -> Vec<String> {
    let mut files = Files::default();
    let toml = files.add("slogen.toml", config.to_owned());
    let file = files.add("a.yaml", manifests.to_owned());
    let (table, mut findings) = config::read(&files, toml, false);
    let overrides = Overrides { select: vec!["custom".to_owned()], ..Overrides::default() };
    let (config, problems, complaints) = config::resolve(&files, table.as_ref(), &overrides);
    assert_eq!(complaints, Vec::<String>::new());
    findings.extend(problems);
    let options = Options {
        rules: config.rules,
        settings: Settings::default(),
        schemas: Schemas::default(),
        ignores: true,
        today: None,
        rendered: false,
    };
    findings.extend(lint::lint(&files, &[Source { file, slo: None }], &[], &options).findings);
    findings.iter().map(|finding| line(finding, &files)).collect()
}

/// `line:column severity rule [marked] message`
fn line(finding: &Finding, files: &Files) -> String {
    let span = finding.primary.span;
    let at = files.position(span);
    let marked = &files.get(span.file).text[span.start as usize..span.end as usize];
    let (severity, rule, message) = (finding.severity.word(), finding.rule, &finding.message);
    format!("{}:{} {severity} {rule} [{marked}] {message}", at.line, at.column)
}

#[track_caller]
fn finds(lines: &str, wanted: &[&str]) {
    assert_eq!(lint(&rule(lines), SHOP), wanted, "{lines}");
}

#[test]
fn false_is_a_finding_and_true_is_none() {
    finds(
        "kinds = ['Deployment']\nexpression = \"'team' in object.metadata.labels\"\nmessage = 'no team'\npath = 'metadata.labels'",
        &["5:3 warning custom/x [labels] no team"],
    );
    finds("kinds = ['Deployment']\nexpression = \"'app' in object.metadata.labels\"", &[]);
}

#[test]
fn kinds_choose_the_objects() {
    let x =
        |kinds: &str| lint(&rule(&format!("{kinds}\nexpression = 'false'\nmessage = 'no'")), SHOP);
    let (deployment, service) = (
        "4:9 warning custom/x [shop] no".to_owned(),
        "19:19 warning custom/x [shop] no".to_owned(),
    );
    assert_eq!(x(""), [deployment.clone(), service.clone()]);
    assert_eq!(x("kinds = ['Service']"), [service]);
    assert_eq!(x("kinds = ['apps/Deployment', 'Job']"), [deployment]);
    assert_eq!(x("kinds = ['batch/Deployment']"), Vec::<String>::new());
}

#[test]
fn self_is_each_value_at_the_path() {
    finds(
        "kinds = ['Deployment']\npath = 'spec.template.spec.containers[*].image'\nseverity = 'error'\n\
         expression = \"self.startsWith('registry.example.com/')\"\n\
         message_expression = \"self + ' of ' + object.metadata.name\"",
        &["15:16 error custom/x [docker.io/proxy:1] docker.io/proxy:1 of shop"],
    );
    // Where there is no such value, there is nothing to ask about.
    finds("path = 'spec.paused'\nexpression = 'self'", &[]);
    finds(
        "kinds = ['Deployment']\npath = 'spec.template.spec.containers[*]'\nexpression = \"has(self.resources)\"\nmessage='m'",
        &["14:15 warning custom/x [proxy] m"],
    );
}

#[test]
fn a_path_to_nothing_points_at_the_nearest_key() {
    finds(
        "kinds = ['Deployment']\npath = \"spec.template.metadata.labels['a.b/c']\"\nexpression = 'false'\nmessage = 'm'",
        &["8:3 warning custom/x [template] m"],
    );
}

#[test]
fn without_a_message_the_expression_is_shown() {
    finds(
        "kinds = ['Deployment']\npath = 'spec.replicas'\nexpression = '''\nobject.spec.replicas\n  < 10'''",
        &["7:13 warning custom/x [12] `object.spec.replicas < 10` does not hold"],
    );
}

#[test]
fn functions_of_kubernetes_are_there() {
    for holds in [
        "quantity(self.resources.limits.memory).isLessThan(quantity('3Gi'))",
        "self.image.matches('^registry[.]')",
        "self.image.split(':')[1] == '1'",
        "sets.contains(['web', 'proxy'], [self.name])",
        "math.greatest([1, 2]) == 2",
        "semver('1.2.3').isLessThan(semver('1.3.0'))",
        "isIP('10.0.0.1')",
        "lists.range(3).sum() == 3",
    ] {
        let text = format!(
            "kinds = ['Deployment']\npath = 'spec.template.spec.containers[0]'\nexpression = \"{holds}\""
        );
        finds(&text, &[]);
    }
}

#[test]
fn an_error_names_the_rule_and_stops_nothing() {
    let config = "\
[[lint.custom]]
name = 'broken'
kinds = ['Deployment']
expression = 'object.spec.nothing.here > 1'
[[lint.custom]]
name = 'no-verdict'
kinds = ['Deployment']
expression = 'object.spec.replicas'
[[lint.custom]]
name = 'types'
kinds = ['Deployment']
expression = \"object.spec.replicas < 'a'\"
[[lint.custom]]
name = 'unreadable'
expression = 'object..'
[[lint.custom]]
name = 'fine'
kinds = ['Service']
expression = 'false'
message = 'm'
";
    let found = lint(config, SHOP);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].contains("custom rule `unreadable`: this is no CEL"), "{}", found[0]);
    let said = "4:9 warning custom/broken [shop] `custom/broken` cannot be evaluated here: there is no `nothing`";
    assert_eq!(found[1], said);
    assert!(
        found[2].ends_with("it gives a whole number, which is neither true nor false"),
        "{}",
        found[2]
    );
    assert!(found[3].starts_with("4:9 warning custom/types"), "{}", found[3]);
    assert_eq!(found[4], "19:19 warning custom/fine [shop] m");
}

#[test]
fn a_message_that_fails_does_not_hide_the_finding() {
    finds(
        "kinds = ['Deployment']\nexpression = 'false'\nmessage = 'plain'\nmessage_expression = 'object.a.b'",
        &["4:9 warning custom/x [shop] plain"],
    );
    finds(
        "kinds = ['Deployment']\nexpression = 'false'\nmessage_expression = '1'",
        &["4:9 warning custom/x [shop] `false` does not hold"],
    );
}

#[test]
fn mistakes_in_the_configuration_are_underlined() {
    for (lines, wanted) in [
        (
            "expression = 'objct.a'",
            "3:15 error spec/bad-value [objct] custom rule `x`: `objct` is not known here",
        ),
        (
            "expression = \"object.a.startsWit('b')\"",
            "3:24 error spec/bad-value [startsWit] custom rule `x`: there is no function `startsWit`",
        ),
        (
            "expression = 'sets.contain([1], [1])'",
            "3:15 error spec/bad-value [sets.contain] custom rule `x`: there is no function `sets.contain`",
        ),
        (
            "expression = 'object.?a.orValue(true)'",
            "3:21 error spec/bad-value [.] custom rule `x`: this is no CEL: unsupported syntax '.?'",
        ),
        (
            "expression = 'self == 1'",
            "3:14 error spec/bad-value ['self == 1'] custom rule `x`: `self` is the value at `path`, and there is no `path`",
        ),
        (
            "expression = ' '",
            "3:14 error spec/bad-value [' '] custom rule `x`: the expression is empty",
        ),
        (
            "expression = 'true'\npath = 'a..b'",
            "4:10 error spec/bad-value [..b] custom rule `x`: `a..b` is no path: a key is missing",
        ),
        (
            "expression = 'true'\nkinds = ['Pod', 'apps/v1/Deployment']",
            "4:17 error spec/bad-value ['apps/v1/Deployment'] custom rule `x`: `apps/v1/Deployment` is no kind",
        ),
        (
            "expression = 'true'\nseverity = 'fatal'",
            "4:12 error spec/bad-value ['fatal'] `fatal` is not a choice here",
        ),
        ("expresion = 'true'", "3:1 error spec/unknown-key [expresion] unknown key `expresion`"),
    ] {
        assert_eq!(lint(&rule(lines), SHOP).first().map(String::as_str), Some(wanted), "{lines}");
    }
    let twice = rule("expression = 'true'") + &rule("expression = 'true'");
    assert_eq!(
        lint(&twice, ""),
        ["5:8 error spec/bad-value [\"x\"] there are two rules `custom/x`"]
    );
    let named = "[[lint.custom]]\nname = 'custom/x'\nexpression = 'true'\n";
    assert_eq!(
        lint(named, ""),
        ["2:8 error spec/bad-value ['custom/x'] `custom/x` names the family too"]
    );
}

#[test]
fn loops_are_two_deep_at_the_most() {
    let all = "object.metadata.labels.all(a, object.metadata.labels.exists(b, a == b))";
    finds(&format!("kinds = ['Deployment']\nexpression = '{all}'"), &[]);
    // What is looped over is computed once, so that a chain is not deeper than its links.
    let chain = "object.spec.template.spec.containers.filter(a, true).map(a, a.name).all(n, [1].all(o, o == 1))";
    finds(&format!("kinds = ['Deployment']\nexpression = '{chain}'"), &[]);
    let three = "[1].all(a, [1].all(b, [1].all(c, c == a)))";
    let found = lint(&rule(&format!("expression = '{three}'")), SHOP);
    assert!(
        found[0].contains("3 loops are inside one another, at most 2 are allowed"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn expressions_have_four_kibibytes_at_the_most() {
    let of = |bytes: usize| {
        rule(&format!("kinds = ['Deployment']\nexpression = 'true{}'", " ".repeat(bytes - 4)))
    };
    assert_eq!(lint(&of(4096), SHOP), Vec::<String>::new());
    let found = lint(&of(4097), SHOP);
    assert!(found[0].contains("has 4097 bytes, at most 4096 are allowed"), "{found:?}");
}

#[test]
fn awkward_expressions_end_soon() {
    let start = Instant::now();
    for text in [
        "(".repeat(4096),
        "!".repeat(4095) + "a",
        "[".repeat(4000),
        "object".to_owned() + &".a".repeat(2000),
        "1".to_owned() + &"+1".repeat(2000),
        "true".to_owned() + &"?true:true".repeat(400),
        "true".to_owned() + &"&&true".repeat(600),
        "object".to_owned() + &"[0]".repeat(1300),
        "-".repeat(4095) + "1",
        "lists.range(9223372036854775807).size() > 0".to_owned(),
        "[0].map(x, lists.range(100000000)).size() > 0".to_owned(),
        "1 / 0 == 1".to_owned(),
        "[][0]".to_owned(),
        "9223372036854775807 + 1 == 0".to_owned(),
        "'a'.substring(-1) == ''".to_owned(),
        "'ä'.substring(1) == ''".to_owned(),
        "duration('1') == duration('1s')".to_owned(),
        "'a'.matches('[')".to_owned(),
    ] {
        let found = lint(&rule(&format!("kinds = ['Deployment']\nexpression = \"{text}\"")), SHOP);
        assert!(found.len() <= 1 || found[0].contains("spec/"), "{found:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn large_objects_are_refused_and_others_go_on() {
    let mut text = "kind: ConfigMap\napiVersion: v1\nmetadata: { name: big }\ndata:\n".to_owned();
    for index in 0..2000 {
        let _ = writeln!(text, "  k{index}: v");
    }
    let quadratic = rule(
        "expression = 'object.data.all(a, object.data.exists(b, a == b))'\nkinds = ['ConfigMap']",
    );
    let found = lint(&quadratic, &text);
    assert!(
        found[0].ends_with("its loops could take more than 1000000 steps on this object"),
        "{found:?}"
    );
    let linear =
        rule("expression = 'object.data.all(a, object.data[a] == \"v\")'\nkinds = ['ConfigMap']");
    assert_eq!(lint(&linear, &text), Vec::<String>::new());
    let _ = writeln!(text, "  long: {}", "x".repeat(1 << 20));
    let found = lint(
        &linear,
        &(text
            + "---\nkind: ConfigMap\napiVersion: v1\nmetadata: { name: small }\ndata: { a: b }\n"),
    );
    assert!(
        found[0].ends_with("`custom/x` cannot be evaluated here: the object is larger than 1 MiB"),
        "{found:?}"
    );
    assert!(found[1].contains("[small]"), "{found:?}");
}

#[test]
fn aliases_count_as_often_as_they_are_used() {
    let mut text = "kind: ConfigMap\napiVersion: v1\nmetadata: { name: bomb }\na0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..7 {
        let before = vec![format!("*a{}", level - 1); 8].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{before}]");
    }
    let start = Instant::now();
    let found = lint(&rule("expression = 'has(object.a0)'"), &text);
    assert!(found.iter().all(|line| !line.contains("crashed")), "{found:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn levels_and_suppressions_work_as_for_every_rule() {
    let base = rule("kinds = ['Deployment']\nexpression = 'false'\nmessage = 'm'");
    let leveled = |level: &str| lint(&format!("[lint.levels]\n{level}\n{base}"), SHOP);
    assert_eq!(leveled("\"custom/x\" = 'error'"), ["4:9 error custom/x [shop] m"]);
    assert_eq!(leveled("custom = 'info'"), ["4:9 info custom/x [shop] m"]);
    assert_eq!(leveled("custom = 'off'\n\"custom/x\" = 'error'"), ["4:9 error custom/x [shop] m"]);
    let unknown = leveled("\"custom/xy\" = 'off'");
    assert_eq!(
        unknown[0],
        "2:1 error spec/unknown-rule [\"custom/xy\"] there is no rule `custom/xy`"
    );
    let ignored = SHOP.replace("name: shop\n", "name: shop # slogen: ignore[custom/x] a trial\n");
    assert_eq!(lint(&base, &ignored), Vec::<String>::new());
}
