use rustc_hash::FxHashMap;

use crate::rules::expressions::{self, seconds};
use crate::rules::prelude::*;
use crate::rules::rule_groups::{self, Group};
use crate::rules::windows;

declare_rule! {
    /// A group of rules is evaluated too seldom, or an alert reads another group.
    ///
    /// ## Why
    /// Prometheus looks back five minutes for the last sample of a record. A group that runs less often leaves gaps,
    /// in which alerts resolve and graphs end (pint's group/interval). A group that runs less than twice within the
    /// range of a rate never sees some of the samples. Rules of one group run in order, those of different groups at
    /// different times: an alert that reads what another group, or a later rule, records is one cycle late.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     interval: 10m
    ///     rules:
    ///     - record: job:http_requests:rate1h
    ///       expr: sum by (job) (rate(http_requests_total[1h]))
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     interval: 30s
    ///     rules:
    ///     - record: job:http_requests:rate5m
    ///       expr: sum by (job) (rate(http_requests_total[5m]))
    ///     - alert: ShopIsBusy
    ///       expr: job:http_requests:rate5m > 1000
    /// ```
    "alerts/coarse-group-interval" pub struct CoarseGroupInterval {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

/// How far back Prometheus looks for a sample.
const LOOKBACK: Duration = Duration::from_secs(300);

const DAY: Duration = Duration::from_secs(86_400);

impl Rule for CoarseGroupInterval {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for groups in rule_groups::of_all(cluster) {
            for group in &groups {
                of_interval(cx, group);
            }
            of_reads(cx, &groups);
        }
    }
}

fn of_interval<'a>(cx: &mut Ctx<'a>, group: &Group<'_, 'a>) {
    let Some(place) = group.place.get("interval") else { return };
    let Some(interval) = place.text().and_then(|text| Duration::parse(text).ok()) else { return };
    let Some(first) = group.rules.first() else { return };
    if interval > LOOKBACK {
        let message =
            format!("group `{}` runs every {}, more than 300 s", group.name(), seconds(interval));
        cx.report(&first.object, place, message)
            .here("leaves gaps between its samples")
            .help("write `interval: 5m` at the most");
        return;
    }
    let ranges = group.rules.iter().flat_map(|rule| {
        let ranges = rule.query().map(|query| windows::written(query.tree()).ranges);
        ranges.into_iter().flatten().map(move |(length, range)| (length, *rule, range))
    });
    let ranges: Vec<_> = ranges.collect();
    // What looks back for days runs slowly on purpose; then it is enough if no sample is left out.
    let slow = ranges.iter().any(|(length, ..)| *length >= DAY);
    let (times, share) = if slow { (1, "all") } else { (2, "half") };
    let shortest = ranges.into_iter().min_by_key(|(length, ..)| *length);
    let Some((length, rule, range)) = shortest else { return };
    if interval.times(times) > length {
        let message = format!(
            "group `{}` runs every {}, more than {share} of its range of {}",
            group.name(),
            seconds(interval),
            seconds(length)
        );
        cx.report(&first.object, place, message)
            .here(format!("more than {share} of the range"))
            .label(rule.spot(range), format!("looks back {}", seconds(length)))
            .help(format!(
                "write `interval: {}` at the most, or a longer range",
                Duration::from_millis(length.ceil_millis() / 2).clock()
            ));
    }
}

/// Reports alerts that read records which run later, or at another time.
fn of_reads<'a>(cx: &mut Ctx<'a>, groups: &[Group<'_, 'a>]) {
    let cluster = cx.cluster;
    let mut records: FxHashMap<&str, Vec<(usize, usize)>> = FxHashMap::default();
    for (group, place) in groups.iter().enumerate() {
        for (at, rule) in place.rules.iter().enumerate() {
            if let Role::Record { name, .. } = rule.role {
                records.entry(name).or_default().push((group, at));
            }
        }
    }
    for (index, group) in groups.iter().enumerate() {
        for (at, alert) in group.rules.iter().enumerate() {
            let Role::Alert { .. } = alert.role else { continue };
            let Some(query) = alert.query() else { continue };
            let mut told = Vec::new();
            for selector in query.tree().selectors() {
                let Some((name, span)) = selector.metric else { continue };
                if !expressions::is_recorded(name) || told.contains(&name) {
                    continue;
                }
                told.push(name);
                let own = records.get(name.as_str()).map_or(&[][..], Vec::as_slice);
                if own.iter().any(|(other, position)| *other == index && *position < at) {
                    continue;
                }
                let rule = |(group, at): (usize, usize)| {
                    groups.get(group).and_then(|group| group.rules.get(at)).copied()
                };
                let later = own.iter().copied().find(|(other, _)| *other == index);
                let beside = later.or_else(|| own.first().copied()).and_then(rule);
                let elsewhere = || cluster.records(name).and_then(|mut records| records.next());
                let Some(record) = beside.or_else(elsewhere) else { continue };
                let Role::Record { rule, .. } = record.role else { continue };
                let (who, help) = match later {
                    Some(_) => ("a later rule", "move the record before the alert"),
                    None => ("another group", "move both into one group, the record first"),
                };
                let message = format!("{} reads what {who} records", expressions::title(alert));
                cx.report(&alert.object, alert.spot(span.clone()), message)
                    .severity(Info)
                    .here("a cycle old")
                    .label_if(rule.get("record"), "recorded here")
                    .help(help);
            }
        }
    }
}

cases! {
    just_five_minutes: "groups:\n- name: g\n  interval: 5m\n  rules: [{record: 'a:b:rate1h', expr: 'rate(x_total[1h])'}]\n- name: h\n  interval: 301s\n  rules: [{record: 'a:b:rate1h', expr: 'rate(x_total[1h])'}]\n"
        => ["6:13"],
    half_of_the_range: "groups:\n- name: g\n  interval: 1m\n  rules: [{record: 'a:b:rate5m', expr: 'rate(x_total[5m])'}, {record: 'a:b:rate1m', expr: 'rate(x_total[119s])'}]\n- name: h\n  interval: 1m\n  rules: [{record: 'a:b:rate2m', expr: 'rate(x_total[2m])'}]\n- name: i\n  rules: [{record: 'a:b:rate2m', expr: 'rate(x_total[2s])'}]\n- {name: j, interval: often, rules: [{record: 'a:b:rate2m', expr: 'rate(x_total[2s])'}]}\n"
        => ["3:13"],
    slow_on_purpose: "groups:\n- name: g\n  interval: 3m\n  rules: [{record: 'a:b:rate30d', expr: 'avg_over_time(a:b:rate5m[30d])'}, {record: 'a:b:rate5m', expr: 'rate(x_total[5m])'}]\n- name: h\n  interval: 3m\n  rules: [{record: 'a:b:rate30d', expr: 'avg_over_time(a:b:rate5m[30d])'}, {record: 'a:b:rate2m', expr: 'rate(x_total[2m])'}]\n"
        => ["6:13"],
    other_groups: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'a:b:rate5m > 1'}\n  - {record: 'a:b:rate5m', expr: 'rate(x_total[5m])'}\n  - {alert: B, expr: 'a:b:rate5m > 1'}\n- name: h\n  rules:\n  - {alert: C, expr: 'a:b:rate5m > 1 and a:b:rate5m < 9 and a:c:rate5m > 1'}\n"
        => ["4:23", "9:23"],
    other_files: "# file: a.yaml\ngroups: [{name: g, rules: [{alert: A, expr: 'a:b:rate5m > 1'}]}]\n# file: b.yaml\ngroups: [{name: g, rules: [{record: 'a:b:rate5m', expr: 'rate(x_total[5m])'}]}]\n"
        => ["a.yaml:1:46"],
}
