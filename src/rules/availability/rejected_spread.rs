use crate::rules::prelude::*;

declare_rule! {
    /// The API server refuses a topology spread constraint.
    ///
    /// ## Why
    /// `maxSkew` starts at 1, the topology needs a key, `whenUnsatisfiable` is `DoNotSchedule` or `ScheduleAnyway`,
    /// `minDomains` goes with the former only, and no two constraints have one key and one way to fail
    /// (k8s:pkg/apis/core/validation/validation.go). The whole workload is refused.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 0
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: { matchLabels: { app: shop } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         minDomains: 3
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: { matchLabels: { app: shop } }
    ///         matchLabelKeys: [pod-template-hash]
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "availability/rejected-spread" pub struct RejectedSpread {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server itself refuses"),
}

impl Rule for RejectedSpread {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            let constraints =
                workload.pod.into_iter().flat_map(|pod| pod.list("topologySpreadConstraints"));
            let mut known = Vec::new();
            for constraint in constraints.filter(|constraint| constraint.is_mapping()) {
                for wrong in faults(constraint) {
                    cx.report(workload, wrong.place, wrong.message)
                        .here(wrong.here)
                        .help(wrong.help);
                }
                let key = constraint.text_of("topologyKey");
                let pair = (key, constraint.text_of("whenUnsatisfiable"));
                let first = known.iter().find(|(other, _)| *other == pair);
                if let (Some((_, first)), Some(key)) = (first, constraint.get("topologyKey")) {
                    let text = key.text().unwrap_or("");
                    cx.report(
                        workload,
                        key,
                        format!("two constraints spread over `{text}` in one way"),
                    )
                    .here("the second one")
                    .label(*first, "the first one")
                    .help("keep one of them");
                }
                if let Some(place) = constraint.get("topologyKey") {
                    known.push((pair, place));
                }
            }
        }
    }
}

struct Fault<'a> {
    place: Place<'a>,
    message: String,
    here: &'static str,
    help: &'static str,
}

fn faults(constraint: Place<'_>) -> Vec<Fault<'_>> {
    let fault = |place, message, here, help| Fault { place, message, here, help };
    let mut found = Vec::new();
    if let Some(place) = constraint.get("maxSkew")
        && let Some(skew) = place.int().filter(|skew| *skew < 1)
    {
        found.push(fault(place, format!("`maxSkew` is {skew}"), "at least 1", "set `maxSkew: 1`"));
    }
    let key = constraint.get("topologyKey");
    if key.is_none_or(|key| key.text() == Some("")) {
        found.push(fault(
            key.unwrap_or(constraint),
            "a spread constraint has no `topologyKey`".to_owned(),
            "spreads over nothing",
            "set `topologyKey`, such as `topology.kubernetes.io/zone`",
        ));
    }
    let otherwise = constraint.get("whenUnsatisfiable");
    let text = otherwise.and_then(Place::text).unwrap_or("");
    if let Some(place) = otherwise
        && !matches!(text, "DoNotSchedule" | "ScheduleAnyway")
        && !is_placeholder(text)
    {
        found.push(fault(
            place,
            format!("`whenUnsatisfiable` is `{text}`"),
            "no such value",
            "write `ScheduleAnyway` or `DoNotSchedule`",
        ));
    }
    if let Some(place) = constraint.get("minDomains") {
        if place.int().is_some_and(|least| least < 1) {
            let message = format!("`minDomains` is {}", place.text().unwrap_or(""));
            found.push(fault(place, message, "at least 1", "remove `minDomains`"));
        } else if text == "ScheduleAnyway" {
            found.push(fault(
                place,
                "`minDomains` goes with `DoNotSchedule` only".to_owned(),
                "refused beside `ScheduleAnyway`",
                "remove `minDomains`, or write `whenUnsatisfiable: DoNotSchedule`",
            ));
        }
    }
    found
}

cases! {
    each_fault: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  topologySpreadConstraints:\n  - {maxSkew: -1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}\n  - {maxSkew: 1, whenUnsatisfiable: DoNotSchedule}\n  - {maxSkew: 1, topologyKey: b, whenUnsatisfiable: Never}\n  - {maxSkew: 1, topologyKey: c, whenUnsatisfiable: ScheduleAnyway, minDomains: 2}\n  - {maxSkew: 1, topologyKey: d, whenUnsatisfiable: DoNotSchedule, minDomains: 0}\n  - {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}\n  - {maxSkew: 2, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}\n"
        => ["6:15", "7:6", "8:53", "9:81", "10:80", "11:31"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  topologySpreadConstraints:\n  - {maxSkew: '${S}', topologyKey: a, whenUnsatisfiable: '${W}', minDomains: 2}\n  - '${C}'\n"
        => [],
}
