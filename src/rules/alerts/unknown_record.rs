use rustc_hash::FxHashMap;

use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// An expression reads a record that no rule makes, and another has its prefix.
    ///
    /// ## Why
    /// Records are found by name only. When a rule is renamed, or its window changes, whatever read the old name finds
    /// no data and says nothing: the alert is silent, the scaler blind. A name whose level and metric others in the
    /// input share was meant to be one of these; names of which the input knows nothing may come from elsewhere, such
    /// as the rules of the cluster (prometheus.io/docs/practices/rules/).
    ///
    /// ## Fix safety
    /// Unsafe: the record may be made by rules that are not in the input, and the near name mean something else.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:rate5m
    ///       expr: sum by (job) (rate(http_errors_total[5m]))
    ///     - alert: ShopErrors
    ///       expr: job:http_error:rate5m > 10
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:rate5m
    ///       expr: sum by (job) (rate(http_errors_total[5m]))
    ///     - alert: ShopErrors
    ///       expr: job:http_errors:rate5m > 10
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:rate5m
    ///       expr: sum by (job) (rate(http_errors_total[5m]))
    ///     - alert: ShopErrors
    ///       expr: job:http_errors:rate5m > 10
    ///     - alert: NodeIsBusy
    ///       expr: instance:node_cpu_utilisation:rate5m > 0.9 # recorded by the rules of the cluster
    /// ```
    "alerts/unknown-record" pub struct UnknownRecord {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the other rules"),
}

/// A record that may be meant.
#[derive(Clone, Copy)]
struct Meant<'a> {
    name: &'a str,
    place: Place<'a>,
    /// So near that it is a slip of the pen.
    near: bool,
}

impl Rule for UnknownRecord {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        if cluster.is_partial() {
            return;
        }
        let mut records = None;
        let mut known: FxHashMap<&str, Option<Meant<'_>>> = FxHashMap::default();
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            for selector in query.tree().selectors() {
                let Some((name, span)) = selector.metric else { continue };
                let is_recorded = name.matches(':').count() >= 2;
                if !is_recorded || cluster.records(name).is_some_and(|mut it| it.next().is_some()) {
                    continue;
                }
                let records = records.get_or_insert_with(|| recorded(cluster));
                let meant = known.entry(name).or_insert_with(|| meant(name, records));
                let Some(meant) = *meant else { continue };
                let message = format!(
                    "{} reads `{name}`, which no rule in the input records",
                    expressions::title(carrier)
                );
                let severity = if cluster.is_closed() { Error } else { Warning };
                let report = cx
                    .report(&carrier.object, carrier.spot(span.clone()), message)
                    .severity(severity)
                    .here("not recorded in the input")
                    .label(meant.place, "this one is")
                    .help(format!("write `{}`, or record `{name}`", meant.name));
                if meant.near {
                    report.fix_unsafe(
                        format!("read `{}` (unsafe: it may mean something else)", meant.name),
                        [edit::splice(carrier.place, span.clone(), meant.name)],
                    );
                }
            }
        }
    }
}

/// The names of all records of the input, sorted, each with the first place.
fn recorded<'a>(cluster: &Cluster<'a>) -> Vec<(&'a str, Place<'a>)> {
    let records = cluster.carriers().iter().filter_map(|carrier| match carrier.role {
        Role::Record { name, rule } => Some((name, rule.get("record")?)),
        _ => None,
    });
    let mut records: Vec<_> = records.filter(|(name, _)| expressions::is_recorded(name)).collect();
    records.sort_by_key(|(name, _)| *name);
    records.dedup_by_key(|(name, _)| *name);
    records
}

/// The record that is nearest to `name`, else the first with the same level and metric.
fn meant<'a>(name: &str, records: &[(&'a str, Place<'a>)]) -> Option<Meant<'a>> {
    let near = nearest(name, records.iter().map(|(name, _)| *name));
    let prefix = &name[..=name.rfind(':')?];
    let alike = || records.iter().map(|(name, _)| *name).find(|it| it.starts_with(prefix));
    let found = near.or_else(alike)?;
    let (name, place) = *records.iter().find(|(name, _)| *name == found)?;
    Some(Meant { name, place, near: near.is_some() })
}

cases! {
    shared_prefix: "groups:\n- name: g\n  rules:\n  - {record: 'job:x:ratio_rate5m', expr: 'sum(rate(x_total[5m]))'}\n  - {alert: A, expr: 'job:x:p99 > 1'}\n  - {alert: B, expr: 'job:y:p99 > 1 or job:x > 1 or x > 1'}\n"
        => ["5:23"],
    recorded_elsewhere: "# file: a.yaml\ngroups:\n- name: g\n  rules:\n  - {record: 'job:x:rate5m', expr: 'sum(rate(x_total[5m]))'}\n  - {record: 'job:x:rate1h', expr: 'sum(rate(x_total[1h]))'}\n# file: b.yaml\ngroups:\n- name: g\n  rules:\n  - {alert: A, expr: 'job:x:rate1h > 1'}\n  - {alert: B, expr: 'job:x:rate1d > 1'}\n"
        => ["b.yaml:5:23"],
    keda_and_adapter: "groups:\n- name: g\n  rules:\n  - {record: 'job:x:rate5m', expr: 'sum(rate(x_total[5m]))'}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'max(job:x:rate2m)'}}]}\n---\nrules:\n- seriesQuery: 'job:x:rate2m{job!=\"\"}'\n  metricsQuery: max(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)\n"
        => ["9:61", "12:17"],
    in_a_folded_block: "groups:\n- name: g\n  rules:\n  - {record: 'job:x:rate5m', expr: 'sum(rate(x_total[5m]))'}\n  - alert: A\n    expr: >-\n      y or\n      job:x:rate2m > 1\n"
        => ["8:7"],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity::{Error, Warning};
    use crate::lint::testing::{mend, severities};

    const RULE: &str = "alerts/unknown-record";
    const TEXT: &str = "groups:\n- name: g\n  rules:\n  - {record: 'job:x:rate5m', expr: 'sum(rate(x_total[5m]))'}\n  - {alert: A, expr: 'job:x:p99_rate5m > 1'}\n";

    #[test]
    fn where_the_input_is_all_there_is_it_is_an_error() {
        assert_eq!(severities(TEXT, RULE), [Warning]);
        let closed = format!("# lint: closed_world = true\n{TEXT}");
        assert_eq!(severities(&closed, RULE), [Error]);
    }

    #[test]
    fn what_is_only_alike_is_left_to_the_user() {
        assert_eq!(mend(TEXT, RULE), TEXT);
    }
}
