use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::query::{Kind as Part, Node};
use crate::rules::prelude::*;
use crate::rules::rule_groups;

declare_rule! {
    /// Two rules of one object have the same name and labels.
    ///
    /// ## Why
    /// Two alerts that are told apart by nothing page twice, and resolve each other in the eyes of Alertmanager. Two
    /// records of one name and the same labels write to the same series, and Prometheus keeps the first sample and
    /// drops the rest. `promtool check rules --lint-fatal` fails on both (slok/sloth#211). Records that cover different
    /// values of a label that they keep are left alone.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total[5m])) > 1
    ///       labels: { severity: page, team: shop }
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total[5m])) > 10
    ///       labels: { team: shop, severity: page }
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total[5m])) > 1
    ///       labels: { severity: ticket, team: shop }
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total[5m])) > 10
    ///       labels: { severity: page, team: shop }
    ///     - record: code:http_requests:increase1h
    ///       expr: sum by (code) (increase(http_requests_total{code=~"2.."}[1h]))
    ///     - record: code:http_requests:increase1h
    ///       expr: sum by (code) (increase(http_requests_total{code=~"5.."}[1h]))
    /// ```
    "alerts/duplicate-rule" pub struct DuplicateRule {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("has not been put into CEL so far"),
}

impl Rule for DuplicateRule {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for groups in rule_groups::of_all(cluster) {
            let mut known: FxHashMap<_, Vec<&Carrier<'_>>> = FxHashMap::default();
            for group in &groups {
                for carrier in &group.rules {
                    let (kind, name, rule) = match carrier.role {
                        Role::Alert { name, rule } => ("alert", name, rule),
                        Role::Record { name, rule } if !name.is_empty() => ("record", name, rule),
                        _ => continue,
                    };
                    let Some(labels) = labels(&[group.place, rule]) else { continue };
                    let like = known.entry((kind, name, labels)).or_default();
                    let same = |it: &&&Carrier<'_>| kind == "alert" || !are_apart(it, carrier);
                    let (Some(spot), Some(first)) = (rule.get(kind), like.iter().find(same)) else {
                        like.push(carrier);
                        continue;
                    };
                    let other = match first.role {
                        Role::Alert { rule, .. } | Role::Record { rule, .. } => rule.get(kind),
                        _ => None,
                    };
                    let message = format!("{kind} `{name}` is there twice with the same labels");
                    cx.report(&carrier.object, spot, message)
                        .here("the second")
                        .label_if(other.filter(|other| *other != spot), "the first")
                        .help("give it another name or another label, or remove it");
                    like.push(carrier);
                }
            }
        }
    }
}

/// The labels that these places give, later ones first; `None` if one is no text.
fn labels<'a>(places: &[Place<'a>]) -> Option<BTreeMap<&'a str, &'a str>> {
    let lists = places.iter().filter_map(|place| place.get("labels"));
    let entries = lists.flat_map(Place::entries);
    entries.map(|(label, value)| Some((label, value.text()?))).collect()
}

/// True if two records do not meet: they differ in what they ask of a label that both keep.
fn are_apart(one: &Carrier<'_>, other: &Carrier<'_>) -> bool {
    let (Some(one), Some(other)) = (one.query(), other.query()) else { return true };
    let (one, other) = (one.tree(), other.tree());
    let asked = |node: &Node, label: &str| {
        let selectors = node.selectors();
        let of_label = selectors.iter().flat_map(|selector| selector.matchers.iter());
        let of_label = of_label.filter(|it| it.label == label);
        of_label.map(|it| (it.op, it.value.clone())).collect::<Vec<_>>()
    };
    let selectors = one.selectors();
    selectors.iter().flat_map(|selector| selector.matchers.iter()).any(|matcher| {
        let label = matcher.label.as_str();
        let theirs = asked(other, label);
        !theirs.is_empty()
            && asked(one, label) != theirs
            && keeps(one, label)
            && keeps(other, label)
    })
}

/// True if the label gets through the aggregations.
fn keeps(node: &Node, label: &str) -> bool {
    match &node.kind {
        Part::Aggregate { op, grouping, expr, .. } => {
            let kept = match grouping {
                Some(it) => it.labels.iter().any(|(name, _)| name == label) != it.without,
                None => matches!(op.as_str(), "topk" | "bottomk" | "limitk" | "limit_ratio"),
            };
            kept && keeps(expr, label)
        }
        Part::Selector { .. } => true,
        _ => node.children().any(|child| keeps(child, label)),
    }
}

cases! {
    across_groups: "groups:\n- name: g\n  rules: [{alert: A, expr: x > 1}, {alert: B, expr: x > 1}]\n- name: h\n  rules: [{alert: A, expr: y > 1}, {record: 'a:b:c', expr: x}, {record: 'a:b:c', expr: y}]\n"
        => ["5:19", "5:73"],
    labels_of_the_group: "groups:\n- name: g\n  labels: {team: a}\n  rules: [{alert: A, expr: x > 1}, {alert: A, expr: x > 1, labels: {team: a}}, {alert: A, expr: x > 1, labels: {team: b}}]\n"
        => ["4:44"],
    empty_labels: "groups:\n- name: g\n  rules: [{alert: A, expr: x > 1}, {alert: A, expr: x > 1, labels: {}}, {alert: A, expr: x > 1, annotations: {summary: other}}]\n"
        => ["3:44", "3:81"],
    other_objects: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\nspec: {groups: [{name: g, rules: [{alert: A, expr: x}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: b}\nspec: {groups: [{name: g, rules: [{alert: A, expr: x}]}]}\n"
        => [],
    records_of_other_series: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:c', expr: 'sum by (code) (x{code=\"1\"})'}\n  - {record: 'a:b:c', expr: 'sum by (code) (x{code=\"2\"})'}\n  - {record: 'a:b:c', expr: 'sum by (code) (x{code=\"2\",a=\"b\"})'}\n  - {record: 'd:b:c', expr: 'sum(x{code=\"1\"})'}\n  - {record: 'd:b:c', expr: 'sum(x{code=\"2\"})'}\n"
        => ["6:14", "8:14"],
    in_a_config_map: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  rules.yaml: |\n    groups:\n    - name: g\n      rules:\n      - {alert: A, expr: x > 1}\n      - {alert: A, expr: x > 1}\n"
        => ["10:17"],
}
