use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// A trigger that KEDA refuses, or whose scaler only errors.
    ///
    /// ## Why
    /// KEDA's webhook refuses a ScaledObject without triggers, one name for two of them, and cached metrics where there is
    /// nothing to cache (`scaletriggers_types.go`); the rest fails when the operator builds the scaler, which is an event on
    /// the ScaledObject and no HPA.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       query: sum(http_requests_in_flight{service="shop"})
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(http_requests_in_flight{service="shop"})
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    /// ```
    "keda/rejected-trigger" pub struct RejectedTrigger {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_TRIGGERS,
    variables: &[
        Variable {
            name: "names",
            cel: "variables.triggers.filter(t, has(t.name) && t.name != '').map(t, t.name)",
        },
        Variable {
            name: "needs",
            cel: "
        {'prometheus': ['serverAddress', 'query', 'threshold'],
          'cron': ['timezone', 'start', 'end', 'desiredReplicas']}
        ",
        },
        Variable {
            name: "crons",
            cel: "variables.triggers.filter(t, t.type == 'cron' && has(t.metadata)).map(t, t.metadata)",
        },
        findings("
        (has(variables.spec.scaleTargetRef) && size(variables.triggers) == 0 ? ['it has no triggers'] : [])
        + variables.names.filter(name, variables.names.filter(other, other == name).size() > 1)
          .map(name, 'a trigger among several is named `' + name + '`')
        + variables.triggers.filter(t, t.type in ['cpu', 'memory', 'cron'] && has(t.useCachedMetrics)
            && t.useCachedMetrics)
          .map(t, 'the ' + t.type + ' trigger has useCachedMetrics')
        + variables.triggers.filter(t, has(t.metricType)
            && t.metricType == (t.type in ['cpu', 'memory'] ? 'Value' : 'Utilization'))
          .map(t, 'the ' + t.type + ' trigger has metricType ' + t.metricType)
        + variables.triggers.filter(t, t.type in variables.needs && variables.needs[t.type].exists(key,
            !has(t.metadata) || !(key in t.metadata) || t.metadata[key].trim() == ''))
          .map(t, 'the ' + t.type + ' trigger lacks one of: ' + variables.needs[t.type].join(', '))
        + variables.crons.filter(m, has(m.start) && has(m.end) && m.start == m.end && m.start.trim() != '')
          .map(m, 'the cron trigger ends when it starts')
        + variables.crons.filter(m, has(m.desiredReplicas) && m.desiredReplicas.trim().matches('^[+-]?0+$'))
          .map(m, 'the cron trigger wants 0 pods')
        + variables.triggers.filter(t, t.type == 'kafka' && has(t.metadata) && has(t.metadata.lagThreshold)
            && t.metadata.lagThreshold.trim().matches('^(-[0-9]+|[+]?0+)$'))
          .map(t, 'the kafka trigger has lagThreshold ' + t.metadata.lagThreshold.trim())
        "),
    ],
};

impl Rule for RejectedTrigger {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            if scaled.metrics.is_empty() {
                no_triggers(cx, scaled);
            }
            let mut names = FxHashMap::default();
            for (trigger, kind) in scaled.metrics.iter().filter_map(|it| Some((it.place?, it.kind)))
            {
                if let Some(name) = trigger.get("name")
                    && let Some(text) = name.text().filter(|text| !text.is_empty())
                    && let Some(first) = names.insert(text, name)
                {
                    let message = format!(
                        "two triggers of ScaledObject `{}` are named `{text}`",
                        scaled.name
                    );
                    cx.report(scaled, name, message)
                        .here("the second")
                        .label(first, "the first")
                        .help("give each trigger a name of its own");
                }
                Trigger { scaled, place: trigger, kind }.check(cx);
            }
        }
    }
}

fn no_triggers(cx: &mut Ctx<'_>, scaled: &Autoscaler<'_>) {
    let written = scaled.at("spec/triggers");
    // What has no target is a part of a ScaledObject, such as a patch; what is no list may become one.
    if scaled.target_ref.is_none() || written.is_some_and(|it| !it.is_sequence()) {
        return;
    }
    let message = format!("ScaledObject `{}` has no triggers", scaled.name);
    cx.report(scaled, scaled.missing("spec/triggers"), message)
        .here("KEDA refuses it")
        .help("add a trigger to `triggers`");
}

struct Trigger<'c, 'a> {
    scaled: &'c Autoscaler<'a>,
    place: Place<'a>,
    kind: &'a str,
}

impl<'a> Trigger<'_, 'a> {
    fn check(&self, cx: &mut Ctx<'_>) {
        let kind = self.kind;
        let is_resource = matches!(kind, "cpu" | "memory");
        if let Some(cached) = self.place.get("useCachedMetrics")
            && (is_resource || kind == "cron")
            && cached.boolean() == Some(true)
        {
            let fault = "has useCachedMetrics, which KEDA refuses there";
            self.report(cx, Some(cached), fault, "remove `useCachedMetrics`");
        }
        let metric_type = self.place.get("metricType");
        match (is_resource, metric_type.and_then(Place::text)) {
            (false, Some("Utilization")) => {
                let fault = "has metricType Utilization, which only cpu and memory have";
                self.report(cx, metric_type, fault, "write `metricType: AverageValue` or `Value`");
            }
            (true, Some("Value")) => {
                let fault = "has metricType Value, which cpu and memory do not know";
                self.report(cx, metric_type, fault, "write `metricType: Utilization`");
            }
            _ => {}
        }
        match kind {
            "prometheus" => self.lacks(cx, &["serverAddress", "query", "threshold"]),
            "cron" => self.cron(cx),
            "kafka" => self.kafka(cx),
            _ => {}
        }
    }

    fn setting(&self, key: &str) -> Option<Place<'a>> {
        let metadata = self.place.get("metadata")?;
        metadata.get(key).filter(|place| place.text().is_none_or(|text| !text.trim().is_empty()))
    }

    fn lacks(&self, cx: &mut Ctx<'_>, keys: &[&str]) {
        if self.place.get("metadata").is_some_and(|metadata| !metadata.is_mapping()) {
            return;
        }
        let missing: Vec<_> = keys.iter().filter(|key| self.setting(key).is_none()).collect();
        if missing.is_empty() {
            return;
        }
        let named: Vec<_> = missing.iter().map(|key| format!("`{key}`")).collect();
        let named = named.join(" and ");
        self.report(
            cx,
            None,
            &format!("has no {named}"),
            &format!("write {named} in its `metadata`"),
        );
    }

    fn cron(&self, cx: &mut Ctx<'_>) {
        self.lacks(cx, &["timezone", "start", "end", "desiredReplicas"]);
        let (start, end) = (self.setting("start"), self.setting("end"));
        if let (Some(start), Some(end)) = (start, end)
            && let (Some(from), Some(to)) = (start.text(), end.text())
            && from == to
            && !is_placeholder(from)
        {
            self.report(cx, Some(end), "ends when it starts", "write another `end`");
        }
        let count = self.setting("desiredReplicas");
        if count.and_then(Place::text).and_then(|text| text.trim().parse().ok()) == Some(0) {
            self.report(cx, count, "wants 0 pods", "write `desiredReplicas` of 1 or more");
        }
    }

    fn kafka(&self, cx: &mut Ctx<'_>) {
        let lag = self.setting("lagThreshold");
        let value = lag.and_then(Place::text).and_then(|text| text.trim().parse::<i64>().ok());
        if let Some(value) = value.filter(|value| *value <= 0) {
            self.report(
                cx,
                lag,
                &format!("has lagThreshold {value}, not above 0"),
                "write the lag that one pod may have, such as `lagThreshold: \"10\"`",
            );
        }
    }

    fn report(&self, cx: &mut Ctx<'_>, spot: Option<Place<'a>>, fault: &str, help: &str) {
        let spot = spot.or_else(|| self.place.get("type")).unwrap_or(self.place);
        let message =
            format!("the {} trigger of ScaledObject `{}` {fault}", self.kind, self.scaled.name);
        cx.report(self.scaled, spot, message).here("the scaler errors").help(help);
    }
}

cases! {
    no_triggers: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a},  triggers: []}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["4:36", "9:1"],
    patches_and_templates: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {maxReplicaCount: 3}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: \"{{ triggers }}\"}\n"
        => [],
    names_and_caches: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{name: a, type: kafka}, {type: kafka, name: a}, {type: cron, useCachedMetrics: true, metadata: {timezone: UTC, start: 0 8 * * *, end: 0 9 * * *, desiredReplicas: 0}}]}\n"
        => ["4:63", "4:98", "4:181"],
    types: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: kafka, metricType:  Utilization}, {type: cpu, metricType: Value}]}\n"
        => ["4:46", "4:84"],
    cron_window_and_lag: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cron, metadata: {timezone: UTC, desiredReplicas: \"2\", start: 0 8 * * *, end: 0 8 * * *}}, {type: kafka, metadata: {topic: t, consumerGroup: g, lagThreshold: \"-5\"}}]}\n"
        => ["4:103", "4:183"],
}
