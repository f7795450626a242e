use serde_json::{Map, Value};

use crate::rules::adapter::{self, Api};
use crate::rules::prelude::*;

declare_rule! {
    /// The configuration of prometheus-adapter is not what it reads.
    ///
    /// ## Why
    /// The chart's `rules` is a mapping with `custom`, `external` and `resource`; a list there, the form of the adapter's own
    /// configuration file, is ignored without a word. A rule for a namespaced metric needs to know which label is the namespace
    /// (`pkg/naming/metrics_query.go`), and a name with two groups needs `as` (`pkg/naming/metric_namer.go`). The HPA then
    /// shows `<unknown>`. A file with `externalRules` or `resourceRules`, or one inside of a ConfigMap, is the adapter's own.
    ///
    /// ## Fix safety
    /// Unsafe: the rules begin to count.
    ///
    /// ```yaml,bad
    /// rules:
    /// - seriesQuery: 'http_requests_in_flight{namespace!="",pod!=""}'
    ///   resources: { template: "<<.Resource>>" }
    ///   metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ```
    /// ```yaml,fixed
    /// rules:
    ///   custom:
    ///   - seriesQuery: http_requests_in_flight{namespace!="",pod!=""}
    ///     resources:
    ///       template: <<.Resource>>
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ```
    /// ```yaml,good
    /// rules:
    ///   custom:
    ///   - seriesQuery: 'http_requests_in_flight{namespace!="",pod!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ```
    "monitoring/rejected-adapter-config" pub struct RejectedAdapterConfig {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("is about a configuration file, which the API server does not read"),
}

impl Rule for RejectedAdapterConfig {
    fn check(&self, cx: &mut Ctx<'_>) {
        for object in cx.cluster.of_kind(Kind::AdapterConfig) {
            misplaced(cx, object);
            for (api, rule) in adapter::rules(object) {
                namespace(cx, object, api, rule);
                naming(cx, object, rule);
            }
        }
    }
}

fn misplaced(cx: &mut Ctx<'_>, object: &Object<'_>) {
    let Some(rules) = object.root.get("rules").filter(|rules| rules.is_sequence()) else { return };
    let own = ["externalRules", "resourceRules"].iter().any(|key| object.root.get(key).is_some());
    if own || object.root.is_embedded() {
        return;
    }
    let report = cx
        .report(object, rules, "`rules` is a list, which the chart of prometheus-adapter ignores")
        .here("a mapping is wanted")
        .help("write the list under `rules.custom`");
    // What is rewritten loses its comments.
    let last = rules.items().last().map_or(rules.span(), Place::span);
    let within =
        |span: crate::source::Span| rules.span().start <= span.start && span.start < last.end;
    if !rules.stream().comments().any(|(span, _)| within(span))
        && let Some(value) = value(rules, &mut MOST_NODES.clone())
    {
        let custom = Map::from_iter([("custom".to_owned(), value)]);
        report.fix_unsafe(
            "move the rules to rules.custom (unsafe: they begin to count)",
            [edit::set(rules, Value::Object(custom))],
        );
    }
}

/// Longer configurations are moved by hand; aliases of aliases may make short ones long.
const MOST_NODES: usize = 2000;

fn value(place: Place<'_>, budget: &mut usize) -> Option<Value> {
    *budget = budget.checked_sub(1)?;
    if place.is_sequence() {
        let items = place.items().map(|item| value(item, budget));
        return items.collect::<Option<Vec<_>>>().map(Value::Array);
    }
    if place.is_mapping() {
        let entries = place.entries().into_iter();
        let entries = entries.map(|(key, place)| Some((key.to_owned(), value(place, budget)?)));
        return entries.collect::<Option<Map<_, _>>>().map(Value::Object);
    }
    if place.is_null() {
        return Some(Value::Null);
    }
    let string = || place.text().map(|text| Value::String(text.to_owned()));
    place.boolean().map(Value::Bool).or_else(|| place.int().map(Value::from)).or_else(string)
}

/// Kinds that live outside of namespaces.
const CLUSTER_WIDE: [&str; 6] =
    ["node", "nodes", "namespace", "namespaces", "persistentvolume", "persistentvolumes"];

fn namespace<'a>(cx: &mut Ctx<'_>, object: &Object<'a>, api: Api, rule: Place<'a>) {
    let resources = rule.get("resources");
    if resources.is_some_and(|it| !it.is_mapping()) {
        return;
    }
    let of_rule = |key| resources.and_then(|resources: Place<'a>| resources.get(key));
    if of_rule("template").is_some()
        || of_rule("namespaced").and_then(Place::boolean) == Some(false)
    {
        return;
    }
    let overrides = of_rule("overrides").map(Place::entries).unwrap_or_default();
    let kinds: Vec<_> = overrides.iter().filter_map(|(_, it)| it.text_of("resource")).collect();
    let maps = kinds.iter().any(|kind| matches!(*kind, "namespace" | "namespaces"));
    let wide = !kinds.is_empty() && kinds.iter().all(|kind| CLUSTER_WIDE.contains(kind));
    if maps || wide || kinds.len() < overrides.len() {
        return;
    }
    let what = if api == Api::External { "an external" } else { "a custom" };
    let message = format!("the rule for {what} metric does not say which label is the namespace");
    cx.report(object, resources.unwrap_or(rule), message).here("no mapping of the namespace").help(
        "write `resources: {overrides: {namespace: {resource: namespace}}}`, or a `template`",
    );
}

fn naming<'a>(cx: &mut Ctx<'_>, object: &Object<'a>, rule: Place<'a>) {
    let Some(naming) = rule.get("name") else { return };
    let Some(matches) = naming.get("matches").filter(|_| naming.get("as").is_none()) else {
        return;
    };
    let groups = matches.text().and_then(|text| regex::Regex::new(text).ok());
    let Some(groups) = groups.map(|it| it.captures_len() - 1).filter(|groups| *groups >= 2) else {
        return;
    };
    let message = format!("`matches` has {groups} groups, and no `as` says which is the name");
    cx.report(object, matches, message)
        .here("the adapter does not start")
        .help("write `as: \"$1\"`, or groups that do not count: `(?:…)`");
}

cases! {
    own_configuration: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  config.yaml: |\n    rules:\n    - seriesQuery: 'x{namespace!=\"\"}'\n      resources: {template: \"<<.Resource>>\"}\n"
        => [],
    own_file: "rules:\n- seriesQuery: 'x{namespace!=\"\"}'\n  resources: {template: \"<<.Resource>>\"}\nresourceRules: {}\n"
        => [],
    no_namespace: "rules:\n  custom:\n  # one\n  - seriesQuery: 'x{namespace!=\"\"}'\n  - seriesQuery: 'y{namespace!=\"\"}'\n  - seriesQuery: 'z{namespace!=\"\"}'\n    # here\n    resources: {overrides: {pod: {resource: pod}}}\n  - seriesQuery: 'n{node!=\"\"}'\n    resources: {overrides: {node: {resource: node}}}\n  external:\n  - seriesQuery: 'q{queue!=\"\"}'\n    resources: {namespaced: false}\n"
        => ["4:5", "5:5", "8:5"],
    groups: "externalRules: []\nrules:\n- seriesQuery: '{__name__=~\"^a_.*\"}'\n  resources: {template: \"<<.Resource>>\"}\n  name:\n    # two\n    matches:         ^(.*)_(total)$\n- seriesQuery: '{__name__=~\"^a_.*\"}'\n  resources: {template: \"<<.Resource>>\"}\n  name: {matches: \"^(.*)_(total)$\", as: \"${1}_per_second\"}\n- seriesQuery: '{__name__=~\"^a_.*\"}'\n  resources: {template: \"<<.Resource>>\"}\n  name: {matches: \"^(.*)_(?:total)$\"}\n"
        => ["7:22"],
}
