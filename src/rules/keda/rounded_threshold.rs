use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A threshold is finer than what KEDA passes on.
    ///
    /// ## Why
    /// KEDA formats values and thresholds with three decimals (`%.3f`, `pkg/scalers/scaler.go`): `0.0125` becomes 0.013, so
    /// that the fleet scales at another value than the one written, and `0.0004` becomes 0, which the API server refuses as a
    /// target, so no HPA is built. Below 0.01 the rounding alone is more than the HPA's tolerance.
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
    ///     metricType: Value
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="shop"}[2m])))
    ///       threshold: "0.0004"
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
    ///     metricType: Value
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: 1000 * histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="shop"}[2m])))
    ///       threshold: "0.4"
    ///       ignoreNullValues: "false"
    /// ```
    "keda/rounded-threshold" pub struct RoundedThreshold {}
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
            name: "settings",
            cel: "
        variables.triggers.filter(t, !(t.type in ['cpu', 'memory']) && has(t.metadata)).map(t, t.metadata)
        ",
        },
        Variable {
            name: "numbers",
            cel: "'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?(1?[0-9]|2[0-8]))?$'",
        },
        Variable {
            name: "targets",
            cel: "
        variables.settings.filter(m, has(m.threshold)).map(m, m.threshold.trim())
          .filter(t, t.matches(variables.numbers))
        ",
        },
        Variable {
            name: "activations",
            cel: "
        variables.settings.filter(m, has(m.activationThreshold)).map(m, m.activationThreshold.trim())
          .filter(t, t.matches(variables.numbers))
        ",
        },
        Variable {
            name: "fine",
            // With an exponent nothing but arithmetic tells how many decimals there are.
            cel: "
        (variables.targets + variables.activations).filter(t, double(t) > 0.0 && (double(t) < 0.01
          || t.matches('[.][0-9]{3}[0-9]*[1-9][0-9]*$')
          || (t.matches('[eE]') && double(t) < 1000000000.0
            && double(t) * 1000.0 - double(int(double(t) * 1000.0 + 0.5)) > 0.000001)
          || (t.matches('[eE]') && double(t) < 1000000000.0
            && double(int(double(t) * 1000.0 + 0.5)) - double(t) * 1000.0 > 0.000001)))
        ",
        },
        findings("
        variables.targets.filter(t, double(t) <= 0.0005).map(t, 'threshold ' + t + ' is rounded to 0')
        + variables.fine.map(t, t + ' is finer than the three decimals that KEDA keeps')
        "),
    ],
};

impl Rule for RoundedThreshold {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            // What these measure never passes through KEDA.
            let others = scaled.metrics.iter().filter(|it| !matches!(it.kind, "cpu" | "memory"));
            for metadata in others.filter_map(|it| it.place?.get("metadata")) {
                for key in ["threshold", "activationThreshold"] {
                    if let Some(place) = metadata.get(key)
                        && let Some(value) = place.text().and_then(number)
                    {
                        check(cx, scaled, place, key, value);
                    }
                }
            }
        }
    }
}

fn number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| Decimal::from_scientific(text).ok())
        .map(|it: Decimal| it.normalize())
}

fn check(cx: &mut Ctx<'_>, scaled: &Autoscaler<'_>, place: Place<'_>, key: &str, value: Decimal) {
    let is_target = key == "threshold";
    let rounded = value.round_dp(3).normalize();
    let (severity, here) = if is_target && rounded <= Decimal::ZERO {
        (Error, "the API server refuses such a target")
    } else if value <= Decimal::ZERO {
        // 0 is what activates at any load.
        return;
    } else if value.scale() > 3 {
        (Warning, "KEDA keeps three decimals")
    } else if value < Decimal::new(1, 2) {
        (Warning, "rounding steps of 0.001 are coarse here")
    } else {
        return;
    };
    let message = if rounded == value {
        format!("{key} of ScaledObject `{}` is {}", scaled.name, plain(value))
    } else {
        let (value, rounded) = (plain(value), plain(rounded.max(Decimal::ZERO)));
        format!("{key} {value} of ScaledObject `{}` is rounded to {rounded}", scaled.name)
    };
    cx.report(scaled, place, message)
        .severity(severity)
        .here(here)
        .help("multiply query and threshold alike, by 1000 for milliseconds");
}

cases! {
    decimals: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {threshold: \"0.1234\", activationThreshold: 0.005}}]}\n"
        => ["4:60", "4:91"],
    fine: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {threshold: \"0.01\", activationThreshold: \"0\"}}, {type: aws, metadata: {threshold: \"10.500000\"}}, {type: cpu, metadata: {threshold: 0}}]}\n"
        => [],
    zero_and_scientific: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {threshold: \"0\"}}, {type: prometheus, metadata: {threshold: \"1e-4\"}}, {type: prometheus, metadata: {threshold: \"x\"}}]}\n"
        => ["4:60", "4:108"],
}
