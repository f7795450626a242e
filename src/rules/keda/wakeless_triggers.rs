use crate::query::{Kind as Part, Node, Selector};
use crate::rules::expressions::{self, Wanted};
use crate::rules::prelude::*;

declare_rule! {
    /// Nothing can wake a workload that KEDA has scaled to 0.
    ///
    /// ## Why
    /// At 0 there is no CPU to measure, and the application's own metrics have no samples: KEDA reads that as 0
    /// and leaves it asleep until somebody scales it by hand. With CPU and memory triggers only, the webhook refuses
    /// it (`verifyCPUMemoryScalers` in `scaledobject_webhook.go`). A queue, a schedule, or the metrics of a proxy in
    /// front see work without pods.
    ///
    /// ## Fix safety
    /// Unsafe: one pod keeps running, and is paid for, all the time.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 0 # nobody buys at night
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    ///   - type: prometheus
    ///     metricType: Value
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "0.35"
    ///       query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m])))
    /// ```
    /// ```yaml,fixed
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 1 # nobody buys at night
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    ///   - type: prometheus
    ///     metricType: Value
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "0.35"
    ///       query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m])))
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 0
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "25"
    ///       query: sum(rabbitmq_queue_messages_ready{queue="orders"})
    /// ```
    "keda/wakeless-triggers" pub struct WakelessTriggers {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot; where no trigger has a query, KEDA's own webhook refuses it"),
}

impl Rule for WakelessTriggers {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let queries = expressions::triggers_of(cluster);
        for scaled in cluster.autoscalers() {
            let queries = queries.get(&scaled.index).map_or(&[][..], Vec::as_slice);
            if !is_wakeless(cluster, scaled, queries) {
                continue;
            }
            let spec = scaled.at("spec");
            let spot = scaled.min.place.or_else(|| spec.and_then(|spec| spec.get("triggers")));
            let Some(spot) = spot else { continue };
            let only_resources = queries.is_empty();
            let message = format!(
                "`{}` scales to 0, and nothing wakes it: {}",
                scaled.target.name,
                if only_resources {
                    "its triggers measure running pods only"
                } else {
                    "its triggers read only what its own pods tell"
                }
            );
            let here = match scaled.min.place {
                Some(_) => "KEDA removes the last pod",
                None => "minReplicaCount is unset, which is 0",
            };
            let mut report = cx.report(scaled, spot, message).here(here);
            for trigger in &scaled.metrics {
                let place = trigger.place.and_then(|place| place.get("type"));
                report = match trigger.kind {
                    "cpu" | "memory" => report.label_if(place, "measures running pods"),
                    _ => report,
                };
            }
            for query in queries {
                report = report.label(query.place, "no pods, no samples");
            }
            let report = report.help(
                "write `minReplicaCount: 1`, or add a trigger that sees work without pods: a queue, a schedule, \
                 a proxy's metric",
            );
            let op = match (scaled.min.place, spec) {
                (Some(place), _) => edit::set(place, 1),
                (None, Some(spec)) => edit::insert(spec, "minReplicaCount", 1),
                (None, None) => continue,
            };
            report.fix_unsafe("set minReplicaCount to 1 (unsafe: keeps one pod running)", [op]);
        }
    }
}

/// True if KEDA takes the workload to 0.
pub(crate) fn sleeps(scaled: &Autoscaler<'_>) -> bool {
    scaled.is_keda() && scaled.min.place.is_none_or(|place| place.int() == Some(0))
}

/// True if it sleeps and nothing wakes it; `queries` are those of its triggers.
pub(crate) fn is_wakeless<'a>(
    cluster: &Cluster<'a>,
    scaled: &Autoscaler<'a>,
    queries: &[&Carrier<'a>],
) -> bool {
    if !sleeps(scaled) || scaled.metrics.is_empty() {
        return false;
    }
    let is_resource = |trigger: &Metric<'_>| matches!(trigger.kind, "cpu" | "memory");
    if scaled.metrics.iter().all(is_resource) {
        return true;
    }
    // A formula of its own decides, or somebody does by hand.
    if scaled.at("spec/advanced/scalingModifiers/formula").is_some()
        || scaled.annotation("autoscaling.keda.sh/force-activation") == Some("true")
    {
        return false;
    }
    let others = scaled.metrics.iter().filter(|trigger| !is_resource(trigger));
    let fleet = Fleet::of(cluster, scaled);
    others.clone().all(|trigger| trigger.kind == "prometheus")
        && others.count() == queries.len()
        && queries.iter().all(|query| fleet.leaves_asleep(scaled, query))
}

/// How the pods of a workload appear in metrics.
struct Fleet<'c, 'a> {
    cluster: &'c Cluster<'a>,
    /// Values of `job` and `service`.
    names: Vec<String>,
    /// What a pod may be called.
    pods: Vec<String>,
    namespace: Option<&'a str>,
    /// Metrics that slo.toml says are its own.
    metrics: &'c [String],
}

/// What an expression gives while there are no pods.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asleep {
    Nothing,
    Zero,
    Something,
}

impl<'c, 'a> Fleet<'c, 'a> {
    fn of(cluster: &'c Cluster<'a>, scaled: &Autoscaler<'a>) -> Self {
        let name = scaled.target.name;
        let workload = cluster.target(scaled);
        let services = workload.into_iter().flat_map(|workload| cluster.services_of(workload));
        let metrics = workload.and_then(|workload| cluster.declared(workload));
        Self {
            cluster,
            names: services.map(|it| it.name.to_owned()).chain([name.to_owned()]).collect(),
            pods: vec![format!("{name}-0"), format!("{name}-7d4b9c6f5d-x2x9z")],
            namespace: scaled.namespace,
            metrics: metrics.map_or(&[], |declared| declared.metrics.as_slice()),
        }
    }

    fn leaves_asleep(&self, scaled: &Autoscaler<'_>, query: &Carrier<'_>) -> bool {
        let Role::Trigger { trigger, .. } = query.role else { return false };
        let setting = |key: &str| trigger.get("metadata").and_then(|it| it.text_of(key));
        // 0 is above it: always active.
        if setting("activationThreshold").is_some_and(|text| text.trim().starts_with('-')) {
            return false;
        }
        // No samples count as a failure, and the fallback keeps some pods.
        let has_fallback =
            scaled.at("spec/fallback/replicas").is_some_and(|it| it.int() != Some(0));
        if has_fallback && setting("ignoreNullValues") == Some("false") {
            return false;
        }
        query.query().is_some_and(|parsed| {
            self.asleep(parsed.tree(), &query.text, false, 0) != Asleep::Something
        })
    }

    fn asleep(&self, node: &Node, text: &str, quantile: bool, depth: usize) -> Asleep {
        let inner = |node: &Node| self.asleep(node, text, quantile, depth);
        match &node.kind {
            Part::Paren(expr) | Part::Unary { expr, .. } | Part::Subquery { expr, .. } => {
                inner(expr)
            }
            Part::Selector { .. } => self.of_selector(node, text, quantile, depth),
            Part::Aggregate { op, expr, .. } => match (inner(expr), op.as_str()) {
                (Asleep::Zero, "count" | "group" | "count_values") => Asleep::Something,
                (found, _) => found,
            },
            Part::Call { name, args, .. } => match name.as_str() {
                "absent" | "absent_over_time" => Asleep::Something,
                "vector" => match expressions::constant(node) {
                    Some(0.0) => Asleep::Zero,
                    _ => Asleep::Something,
                },
                _ => {
                    let quantile = quantile || name == "histogram_quantile";
                    let empty = args
                        .iter()
                        .any(|arg| self.asleep(arg, text, quantile, depth) == Asleep::Nothing);
                    if empty { Asleep::Nothing } else { Asleep::Something }
                }
            },
            Part::Binary { op, lhs, rhs, .. } => {
                let (left, right) = (inner(lhs), inner(rhs));
                match op.as_str() {
                    "unless" => left,
                    "or" => match (left, right) {
                        (Asleep::Something, _) | (_, Asleep::Something) => Asleep::Something,
                        (Asleep::Nothing, right) => right,
                        (Asleep::Zero, _) => Asleep::Zero,
                    },
                    _ if left == Asleep::Nothing || right == Asleep::Nothing => Asleep::Nothing,
                    "*" | "/" | ">" | ">=" if left == Asleep::Zero && rhs.fold().is_some() => {
                        Asleep::Zero
                    }
                    _ => Asleep::Something,
                }
            }
            Part::Number(_) | Part::String(_) | Part::Opaque => Asleep::Something,
        }
    }

    fn of_selector(&self, node: &Node, text: &str, quantile: bool, depth: usize) -> Asleep {
        let Some(selector) = node.selector() else { return Asleep::Something };
        let name = selector.name().map_or("", |(name, _)| name);
        if expressions::is_recorded(name) {
            let Some(mut records) = self.cluster.records(name) else { return Asleep::Something };
            // What many services record alike is no single fleet's.
            let known = (1..=MOST_RECORDS).contains(&records.clone().count()) && depth < 4;
            let asleep = known
                && records.all(|record| {
                    record.query().is_some_and(|query| {
                        let found = self.asleep(query.tree(), &record.text, quantile, depth + 1);
                        found == Asleep::Nothing
                    })
                });
            return if asleep { Asleep::Nothing } else { Asleep::Something };
        }
        let shifted = text.get(node.span.clone()).is_some_and(|it| {
            it.contains('@')
                || it.split_whitespace().any(|word| word.eq_ignore_ascii_case("offset"))
        });
        let own = !shifted && self.owns(&selector, name, quantile);
        if own { Asleep::Nothing } else { Asleep::Something }
    }

    /// True if only the fleet's own pods have these series.
    fn owns(&self, selector: &Selector<'_>, name: &str, quantile: bool) -> bool {
        let wanted = Wanted::of(selector);
        let admits =
            |label: &str, values: &[String]| values.iter().any(|value| wanted.admits(label, value));
        let refuses =
            |label: &str, values: &[String]| wanted.names(label) && !admits(label, values);
        let elsewhere = ["job", "service"].iter().any(|label| refuses(label, &self.names))
            || refuses("pod", &self.pods)
            || self.namespace.is_some_and(|namespace| !wanted.admits("namespace", namespace));
        if elsewhere || expressions::is_of_proxy(name) {
            return false;
        }
        if wanted.names("pod") {
            return true;
        }
        if expressions::is_of_platform(name) {
            return false;
        }
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        let declared =
            self.metrics.iter().any(|metric| metric == name || Some(metric.as_str()) == base);
        quantile || declared || wanted.names("job") || wanted.names("service")
    }
}

/// So many recordings of one name are looked at.
const MOST_RECORDS: usize = 8;

cases! {
    unset_is_0: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: cpu, metricType: Utilization, metadata: {value: '60'}}\n  - {type: memory, metricType: Utilization, metadata: {value: '60'}}\n"
        => ["6:3"],
    null_is_unset: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: null\n  triggers:\n  - {type: cpu, metricType: Utilization, metadata: {value: '60'}}\n"
        => ["6:3"],
    a_floor: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 1\n  triggers: [{type: cpu, metadata: {value: '60'}}]\n"
        => [],
    what_is_no_number_stays: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: zero\n  triggers: [{type: cpu, metadata: {value: '60'}}]\n"
        => [],
    no_triggers: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 0, triggers: []}\n"
        => [],
    a_queue_wakes: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: cpu, metadata: {value: '60'}}\n  - {type: kafka, metadata: {topic: t}}\n"
        => [],
    pinned_to_its_service: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(http_requests_in_flight{service=\"a\"})'}}\n"
        => ["5:20"],
    pinned_by_a_service_of_another_name: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"web\"}) or vector(0)'}}\n"
        => ["15:20"],
    pinned_to_its_pods: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(rate(container_cpu_usage_seconds_total{pod=~\"a-.*\"}[2m]))'}}\n"
        => ["5:20"],
    pinned_to_another: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(jobs_waiting{job=\"front\"})'}}\n  - {type: prometheus, metadata: {query: 'histogram_quantile(0.95, sum by (le) (rate(x_bucket{job=\"front\"}[2m])))'}}\n"
        => [],
    a_proxy_sees_requests: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(rate(nginx_ingress_controller_requests{service=\"a\"}[2m]))'}}\n"
        => [],
    absence_wakes: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"}) or absent(x{job=\"a\"})'}}\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"}) or vector(1)'}}\n"
        => [],
    the_past_wakes: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"} offset 1w)'}}\n"
        => [],
    always_active: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"})', activationThreshold: '-1'}}\n"
        => [],
    a_fallback_keeps_pods: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  fallback: {failureThreshold: 3, replicas: 2}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"})', ignoreNullValues: 'false'}}\n"
        => [],
    through_a_record: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{record: 'a:x:sum', expr: 'sum(x{job=\"a\"})'}]}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'a:x:sum'}}\n"
        => ["10:20"],
    an_unknown_record: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'a:x:sum'}}\n"
        => [],
    one_awake_operand_of_or: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x{job=\"a\"}) or sum(queue_length)'}}\n"
        => [],
    metrics_of_slo_toml: "# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"shop_requests_total\"\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec:\n  minReplicaCount: 0\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(rate(shop_requests_total[2m]))'}}\n"
        => ["a.yaml:10:20"],
}
