use crate::rules::prelude::*;

declare_rule! {
    /// The replica counts of a ScaledObject contradict each other.
    ///
    /// ## Why
    /// KEDA refuses a floor above the ceiling, a ceiling below 1, and an idle count that is not below the floor
    /// (`CheckReplicaCountBoundsAreValid` in `scaledobject_types.go`). Its webhook lets things through when it is
    /// down; then the operator logs the error and nothing scales. An idle count above 0 is accepted, and the HPA
    /// scales it back up to the floor within 15 s, for ever.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 12
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   idleReplicaCount: 0
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/rejected-bounds" pub struct RejectedBounds {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_SPEC,
    variables: &[
        Variable {
            name: "max",
            cel: "has(variables.spec.maxReplicaCount) ? variables.spec.maxReplicaCount : 100",
        },
        Variable {
            name: "floor",
            cel: "
        // KEDA takes a floor that is written as 0 for 1 here, and one that is unset for 0.
        !has(variables.spec.minReplicaCount) ? 0
        : variables.spec.minReplicaCount < 1 ? 1 : variables.spec.minReplicaCount
        ",
        },
        findings("
        (variables.max < 1 ? ['maxReplicaCount is ' + string(variables.max) + ', KEDA wants at least 1']
          : has(variables.spec.minReplicaCount) && variables.spec.minReplicaCount > variables.max
          ? ['minReplicaCount is ' + string(variables.spec.minReplicaCount) + ', above a maxReplicaCount of '
            + string(variables.max)]
          : [])
        + (!has(variables.spec.idleReplicaCount) ? []
          : variables.spec.idleReplicaCount >= variables.floor
          ? ['idleReplicaCount is ' + string(variables.spec.idleReplicaCount) + ', not below minReplicaCount']
          : variables.spec.idleReplicaCount > 0
          ? ['idleReplicaCount is ' + string(variables.spec.idleReplicaCount) + ', and only 0 stays']
          : [])
        "),
    ],
};

impl Rule for RejectedBounds {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let (Some(min), Some(max)) = (Count::of(scaled.min), Count::of(scaled.max)) else {
                continue;
            };
            check_ceiling(cx, scaled, min, max);
            check_idle(cx, scaled, min);
        }
    }
}

/// A bound that is a number or left out.
#[derive(Clone, Copy)]
struct Count<'a>(Bound<'a>);

impl<'a> Count<'a> {
    fn of(bound: Bound<'a>) -> Option<Self> {
        bound.place.is_none_or(|place| place.int().is_some()).then_some(Self(bound))
    }

    fn value(self) -> i64 {
        self.0.value
    }

    /// As messages state it.
    fn text(self, key: &str) -> String {
        let value = self.value();
        match self.0.place {
            Some(_) => format!("{key} is {value}"),
            None => format!("{key} is unset, which is {value}"),
        }
    }
}

fn check_ceiling<'a>(cx: &mut Ctx<'a>, scaled: &Autoscaler<'a>, min: Count<'a>, max: Count<'a>) {
    if let Some(place) = max.0.place.filter(|_| max.value() < 1) {
        cx.report(
            scaled,
            place,
            format!("maxReplicaCount is {}, KEDA wants at least 1", max.value()),
        )
        .here("below 1")
        .help("write `maxReplicaCount: 1` or more");
    } else if let Some(place) = min.0.place.filter(|_| min.value() > max.value()) {
        let ceiling = max.text("maxReplicaCount");
        cx.report(scaled, place, format!("minReplicaCount is {}, {ceiling}", min.value()))
            .here("above the ceiling")
            .label_if(max.0.place, "the ceiling")
            .help(format!(
                "write `maxReplicaCount: {}` or more, or a lower `minReplicaCount`",
                min.value()
            ));
    }
}

fn check_idle<'a>(cx: &mut Ctx<'a>, scaled: &Autoscaler<'a>, min: Count<'a>) {
    let Some(place) = scaled.at("spec/idleReplicaCount") else { return };
    let Some(idle) = place.int() else { return };
    // KEDA takes a floor that is written as 0 for 1 here, and one that is unset for 0.
    let floor = if min.0.place.is_some() { min.value().max(1) } else { 0 };
    if idle >= floor {
        let written = min.text("minReplicaCount");
        cx.report(scaled, place, format!("idleReplicaCount is {idle}, {written}"))
            .here("not below the floor")
            .label_if(min.0.place, "the floor")
            .help("write `idleReplicaCount: 0` and a `minReplicaCount` of 1 or more");
    } else if idle > 0 {
        let message = format!("the HPA takes the idle count {idle} back to {floor} at once");
        cx.report(scaled, place, message)
            .severity(Warning)
            .here("only 0 stays")
            .label_if(min.0.place, "HPA floor")
            .help("write `idleReplicaCount: 0`, or remove it");
    }
}

cases! {
    default_ceiling: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 101\n  scaleTargetRef: {name: a}\n"
        => ["5:20"],
    equal_bounds_are_fine: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 3, maxReplicaCount: 3}\n"
        => [],
    no_ceiling_at_all: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 0, maxReplicaCount: 0}\n"
        => ["4:45"],
    idle_equals_floor: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 2, idleReplicaCount: 2}\n"
        => ["4:46"],
    idle_without_floor: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {idleReplicaCount: 0}\n"
        => ["4:26"],
    idle_with_floor_0_counts_as_1: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 0, idleReplicaCount: 0}\n"
        => [],
    idle_above_0: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 3, idleReplicaCount: 1}\n"
        => ["4:46"],
    what_is_no_number_stays: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: '12', maxReplicaCount: 3}\n"
        => [],
    both_defects: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  minReplicaCount: 5\n  maxReplicaCount: 4\n  idleReplicaCount: 9\n"
        => ["5:20", "7:21"],
    hpas_have_their_own_rule: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 5, maxReplicas: 4}\n"
        => [],
    in_a_list: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a}, spec: {minReplicaCount: 5, maxReplicaCount: 4}}\n"
        => ["4:99"],
}
