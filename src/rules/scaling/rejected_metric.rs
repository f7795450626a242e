use crate::rules::prelude::*;

declare_rule! {
    /// An HPA has a metric that is refused, or an error at run time.
    ///
    /// ## Why
    /// Each metric has a `type`, the one key that goes with it, and a positive target of the right form; else the
    /// whole HPA is refused (`pkg/apis/autoscaling/validation/validation.go`). Some slips are accepted and fail later:
    /// an Object metric of type AverageValue with only a `value` is an error at every look, and an error keeps the
    /// fleet from ever scaling down (`pkg/controller/podautoscaler/horizontal.go`).
    ///
    /// A resource target of type Utilization with only an `averageValue` works, by that value: a warning.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: in_flight }
    ///       target: { type: Value, value: 10 }
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: in_flight }
    ///       target: { type: AverageValue, averageValue: 10 }
    /// ```
    "scaling/rejected-metric" pub struct RejectedMetric {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// Types of metrics with the key of each.
const SOURCES: [(&str, &str); 5] = [
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
    ("Pods", "pods"),
    ("Object", "object"),
    ("External", "external"),
];

const TARGET_TYPES: [&str; 3] = ["Utilization", "Value", "AverageValue"];

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::AUTOSCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: &[],
    variables: &[
        Variable {
            name: "metrics",
            cel: "
        has(object.spec) && has(object.spec.metrics) ? object.spec.metrics.filter(m, has(m.type)) : []
        ",
        },
        Variable {
            name: "keys",
            cel: "
        {'Resource': 'resource', 'ContainerResource': 'containerResource', 'Pods': 'pods', 'Object': 'object',
          'External': 'external'}
        ",
        },
        Variable {
            name: "fitting",
            cel: "
        // Metrics that have the one key that goes with their type.
        variables.metrics.filter(m, m.type in variables.keys
          && variables.keys.all(t, (variables.keys[t] in m) == (t == m.type)))
        ",
        },
        Variable {
            name: "targets",
            cel: "
        // Their types and targets.
        variables.fitting.filter(m, has(m[variables.keys[m.type]].target))
          .map(m, [m.type, m[variables.keys[m.type]].target])
        ",
        },
        Variable {
            name: "names",
            cel: "
        variables.fitting.filter(m, has(m[variables.keys[m.type]].metric)
          && has(m[variables.keys[m.type]].metric.name)).map(m, m[variables.keys[m.type]].metric.name)
        ",
        },
        findings("
        variables.metrics
          .filter(m, !(m.type in variables.keys)
            || variables.keys.exists(t, (variables.keys[t] in m) != (t == m.type)))
          .map(m, 'a metric of type `' + m.type + '` has not the one key that goes with the type')
        + variables.names.filter(name, name.matches('[/%]') || name in ['.', '..'])
          .map(name, 'metric `' + name + '` can be no part of a path')
        + variables.targets
          .filter(t, (has(t[1].averageUtilization) && t[1].averageUtilization < 1)
            || (has(t[1].averageValue) && !quantity(t[1].averageValue).isGreaterThan(quantity('0')))
            || (has(t[1].value) && !quantity(t[1].value).isGreaterThan(quantity('0'))))
          .map(t, 'the target of a ' + t[0] + ' metric is not above 0')
        + variables.targets
          .filter(t, has(t[1].type) && (!(t[1].type in ['Utilization', 'Value', 'AverageValue'])
            || (t[0] in ['Resource', 'ContainerResource'] ? has(t[1].averageUtilization) == has(t[1].averageValue)
                || (t[1].type == 'Utilization' && !has(t[1].averageUtilization))
                || (t[1].type == 'AverageValue' && !has(t[1].averageValue))
              : t[0] == 'Pods' ? !has(t[1].averageValue)
              : t[0] == 'External' ? has(t[1].value) == has(t[1].averageValue)
              : t[1].type == 'AverageValue' ? !has(t[1].averageValue)
              : t[1].type == 'Utilization' || !has(t[1].value))))
          .map(t, 'the target of a ' + t[0] + ' metric has not what its type `' + t[1].type + '` reads')
        "),
    ],
};

impl Rule for RejectedMetric {
    fn check(&self, cx: &mut Ctx<'_>) {
        for hpa in cx.cluster.autoscalers().iter().filter(|autoscaler| !autoscaler.is_keda()) {
            // v1 has no metrics, v2beta1 has targets of another form.
            if hpa.version == "v1" {
                continue;
            }
            for metric in hpa.metrics.iter().filter_map(|metric| metric.place) {
                if let Some((kind, source)) = source(cx, hpa, metric)
                    && hpa.version != "v2beta1"
                {
                    name(cx, hpa, source);
                    if let Some(target) = source.get("target").filter(|target| target.is_mapping())
                    {
                        Target::read(hpa, kind, source, target).check(cx);
                    }
                }
            }
        }
    }
}

/// The type of a metric and what it reads; reports where both do not fit.
fn source<'a>(
    cx: &mut Ctx<'_>,
    hpa: &Autoscaler<'a>,
    metric: Place<'a>,
) -> Option<(&'static str, Place<'a>)> {
    let spot = metric.get("type")?;
    let kind = spot.text()?;
    let Some((kind, key)) = SOURCES.iter().find(|(name, _)| *name == kind).copied() else {
        let near = SOURCES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
        let near =
            near.map_or_else(|| nearest(kind, SOURCES.iter().map(|it| it.0)), |it| Some(it.0));
        let help = match near {
            Some(near) => format!("write `type: {near}`"),
            None => "write one of Resource, ContainerResource, Pods, Object, External".to_owned(),
        };
        cx.report(
            hpa,
            spot,
            format!("HPA `{}` has a metric of type `{kind}`, which there is not", hpa.name),
        )
        .help(help);
        return None;
    };
    let own = metric.get(key);
    let others = SOURCES.iter().filter(|(_, other)| *other != key);
    let others: Vec<_> = others.filter_map(|(_, other)| metric.get(other)).collect();
    let keys = others.iter().filter_map(|other| other.key());
    let keys: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
    let (message, help) = match (own, keys.is_empty()) {
        (Some(_), true) => return own.map(|own| (kind, own)),
        (Some(_), false) => (
            format!("metric of type `{kind}` has {} beside `{key}`", keys.join(" and ")),
            format!("keep `{key}`, and write a metric of its own for {}", keys.join(" and ")),
        ),
        (None, true) => {
            (format!("metric of type `{kind}` has no `{key}`"), format!("write `{key}`"))
        }
        (None, false) => (
            format!("metric of type `{kind}` has {}, not `{key}`", keys.join(" and ")),
            match others.first().and_then(|other| other.key()).and_then(type_of) {
                Some(other) => {
                    format!("write `type: {other}`, or rename {} to `{key}`", keys.join(" and "))
                }
                None => format!("write `{key}`"),
            },
        ),
    };
    let mut report = cx.report(hpa, spot, message).here(format!("asks for `{key}`")).help(help);
    for other in others {
        let span = other.key_span().unwrap_or_else(|| other.primary());
        report = report.label(span, "does not go with the type");
    }
    None
}

fn type_of(key: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(_, other)| *other == key).map(|(name, _)| *name)
}

/// The API server wants a name that can be a part of a path.
fn name(cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, source: Place<'_>) {
    let Some(place) = source.at("metric/name") else { return };
    let Some(name) = place.string() else { return };
    if name.contains(['/', '%']) || matches!(name, "." | "..") {
        cx.report(
            hpa,
            place,
            format!("metric `{name}` of HPA `{}` can be no part of a path", hpa.name),
        )
        .here("`/` and `%` are refused")
        .help("name the metric as the metrics API lists it, without `/` and `%`");
    }
}

/// The target of a metric.
struct Target<'c, 'a> {
    hpa: &'c Autoscaler<'a>,
    kind: &'static str,
    /// What is measured, as messages name it.
    what: String,
    place: Place<'a>,
    /// Its `type`.
    form: Option<Place<'a>>,
    utilization: Option<Place<'a>>,
    average: Option<Place<'a>>,
    value: Option<Place<'a>>,
}

impl<'c, 'a> Target<'c, 'a> {
    fn read(
        hpa: &'c Autoscaler<'a>,
        kind: &'static str,
        source: Place<'a>,
        place: Place<'a>,
    ) -> Self {
        let name =
            source.text_of("name").or_else(|| source.at("metric/name").and_then(Place::text));
        Self {
            hpa,
            kind,
            what: name.map_or_else(|| format!("{kind} metric"), |name| format!("`{name}`")),
            place,
            form: place.get("type"),
            utilization: place.get("averageUtilization"),
            average: place.get("averageValue"),
            value: place.get("value"),
        }
    }

    fn check(&self, cx: &mut Ctx<'_>) {
        self.amounts(cx);
        // A target without a type, such as one in the form of v2beta1, is incomplete; what it lacks is not known.
        let Some(spot) = self.form else { return };
        let Some(target_type) = spot.text() else { return };
        if !TARGET_TYPES.contains(&target_type) {
            let help = match nearest(target_type, TARGET_TYPES.into_iter()) {
                Some(near) => format!("write `type: {near}`"),
                None => "write `type:` Utilization, Value or AverageValue".to_owned(),
            };
            let message =
                format!("target of {} has the type `{target_type}`, which there is not", self.what);
            cx.report(self.hpa, spot, message).help(help);
            return;
        }
        match self.kind {
            "Resource" | "ContainerResource" => self.resource(cx, target_type),
            "Pods" => self.pods(cx),
            "Object" => self.object(cx, target_type),
            _ => self.external(cx),
        }
    }

    /// Whatever is set has to be positive.
    fn amounts(&self, cx: &mut Ctx<'_>) {
        let percent = self.utilization.filter(|place| place.int().is_some_and(|value| value < 1));
        let is_low = |place: &Place<'_>| {
            let value = place.text().and_then(crate::units::quantity);
            value.is_some_and(|value| value <= Decimal::ZERO)
        };
        let amounts = [self.average, self.value].into_iter().flatten().filter(is_low);
        for place in percent.into_iter().chain(amounts) {
            let (key, text) = (place.key().unwrap_or(""), place.text().unwrap_or(""));
            cx.report(self.hpa, place, format!("{key} of {} is {text}, not above 0", self.what))
                .here("the API server refuses it")
                .help(format!("set `{key}` to the load of one pod that works well"));
        }
    }

    fn resource(&self, cx: &mut Ctx<'_>, target_type: &str) {
        match (self.utilization, self.average) {
            (Some(utilization), Some(average)) => {
                let message = format!(
                    "target of {} has both `averageUtilization` and `averageValue`",
                    self.what
                );
                cx.report(self.hpa, average, message)
                    .here("one of both is allowed")
                    .label(utilization, "the other one")
                    .help("remove `averageValue` or `averageUtilization`");
            }
            (None, None) => {
                self.lacks(cx, "`averageUtilization` or `averageValue`", "averageUtilization");
            }
            (None, Some(average)) if target_type == "Utilization" => {
                self.misnamed(cx, target_type, average);
            }
            (Some(percent), None) if target_type == "AverageValue" => {
                self.misnamed(cx, target_type, percent);
            }
            _ => {}
        }
    }

    /// The controller goes by the key, whatever the type says.
    fn misnamed(&self, cx: &mut Ctx<'_>, target_type: &str, place: Place<'_>) {
        let key = place.key().unwrap_or("");
        let right = if key == "averageValue" { "AverageValue" } else { "Utilization" };
        let message = format!(
            "target of {} is of type `{target_type}` and has only `{key}`, which counts",
            self.what
        );
        cx.report(self.hpa, place, message)
            .severity(Warning)
            .here("scales by this")
            .label_if(self.form, "says otherwise")
            .help(format!("write `type: {right}`, or the key that goes with `{target_type}`"));
    }

    fn pods(&self, cx: &mut Ctx<'_>) {
        if self.average.is_none() {
            self.lacks(cx, "`averageValue`, which a Pods metric needs", "averageValue");
        }
    }

    fn external(&self, cx: &mut Ctx<'_>) {
        match (self.value, self.average) {
            (Some(value), Some(average)) => {
                let message =
                    format!("target of {} has both `value` and `averageValue`", self.what);
                cx.report(self.hpa, value, message)
                    .here("one of both is allowed")
                    .label(average, "the other one")
                    .help("remove `value` or `averageValue`");
            }
            (None, None) => self.lacks(cx, "`value` or `averageValue`", "value"),
            _ => {}
        }
    }

    fn object(&self, cx: &mut Ctx<'_>, target_type: &str) {
        let (wanted, other, key) = match target_type {
            "AverageValue" => (self.average, self.value, "averageValue"),
            "Value" => (self.value, self.average, "value"),
            _ => (None, self.value.or(self.average), "value"),
        };
        match (wanted, other) {
            (Some(_), _) => {}
            (None, None) => self.lacks(cx, "`value` or `averageValue`", key),
            (None, Some(other)) => {
                let has = other.key().unwrap_or("");
                let right = if has == "value" { "Value" } else { "AverageValue" };
                let message = format!(
                    "target of {} is of type `{target_type}` and has only `{has}`: an error at every look",
                    self.what
                );
                cx.report(self.hpa, other, message)
                    .here("not read")
                    .label_if(self.form, "decides what is read")
                    .help(format!(
                        "write `type: {right}`, or the key that goes with `{target_type}`"
                    ));
            }
        }
    }

    /// Reports at the key that is there instead, else at the target.
    fn lacks(&self, cx: &mut Ctx<'_>, wanted: &str, key: &str) {
        let instead = self.value.or(self.average).or(self.utilization);
        cx.report(
            self.hpa,
            instead.unwrap_or(self.place),
            format!("target of {} has no {wanted}", self.what),
        )
        .here("the API server refuses it")
        .help(match instead.and_then(Place::key) {
            Some(other) => format!("write `{key}` in the place of `{other}`"),
            None => format!("set `{key}`"),
        });
    }
}

cases! {
    other_source: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n"
        => ["6:11"],
    no_source: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    pods:\n"
        => ["6:11"],
    two_sources: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Resource\n    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n    pods: {metric: {name: x}, target: {type: AverageValue, averageValue: 3}}\n"
        => ["6:11"],
    unknown_type: "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: resource\n    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n"
        => ["6:11"],
    fine: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 150}}}\n  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 500Mi}}}\n  - {type: ContainerResource, containerResource: {name: cpu, container: a, target: {type: Utilization, averageUtilization: 70}}}\n  - {type: Pods, pods: {metric: {name: 'job:load:sum'}, target: {type: AverageValue, averageValue: 500m}}}\n  - {type: Object, object: {describedObject: {kind: Service, name: a}, metric: {name: x}, target: {type: Value, value: \"0.3\"}}}\n  - {type: Object, object: {describedObject: {kind: Service, name: a}, metric: {name: x}, target: {type: AverageValue, value: 1, averageValue: 2}}}\n  - {type: External, external: {metric: {name: x, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: 2}}}\n"
        => [],
    not_positive: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}\n  - {type: Pods, pods: {metric: {name: x}, target: {type: AverageValue, averageValue: -1}}}\n  - {type: External, external: {metric: {name: x}, target: {type: Value, value: 0m}}}\n"
        => ["6:92", "7:87", "8:81"],
    both: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageUtilization: 70\n        averageValue: 500m\n  - type: External\n    external:\n      metric: {name: x}\n      target:\n        type: Value\n        value: 3\n        averageValue: 1\n"
        => ["12:23", "18:16"],
    neither: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: ContainerResource\n    containerResource:\n      name: cpu\n      container: a\n      target:\n        type: Utilization\n        value: 500m\n  - type: External\n    external:\n      metric: {name: x}\n      target:\n        type: Value\n  - type: Object\n    object:\n      describedObject: {kind: Service, name: a}\n      metric: {name: x}\n      target: {type: Value}\n"
        => ["12:16", "16:7", "22:7"],
    pods_by_utilization: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    pods:\n      metric: {name: x}\n      target:\n        type: Utilization\n        averageUtilization: 70\n"
        => ["11:29"],
    pods_go_by_the_average_whatever_the_type: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Pods, pods: {metric: {name: x}, target: {type: Value, averageValue: 3}}}]}\n"
        => [],
    object_of_the_other_type: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Object\n    object:\n      describedObject: {kind: Service, name: a}\n      metric: {name: x}\n      target:\n        type: AverageValue\n        value: 3\n"
        => ["12:16"],
    utilization_by_value: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageValue: 500m\n"
        => ["11:23"],
    names: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    pods:\n      metric: {name: http/requests}\n      target: {type: AverageValue, averageValue: 3}\n"
        => ["8:22"],
    target_type: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    pods:\n      metric: {name: x}\n      target: {type: Average, averageValue: 3}\n"
        => ["9:22"],
    other_versions: "apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, targetAverageUtilization: 70}}\n  - {type: Object, object: {target: {kind: Service, name: a}, metricName: x, targetValue: 3}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {targetCPUUtilizationPercentage: 70}\n"
        => [],
    legacy_fields_have_a_rule_of_their_own: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, targetAverageUtilization: 70}}\n  - {type: Object, object: {target: {kind: Service, name: a}, metricName: x, targetValue: 3}}\n"
        => [],
    no_numbers: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: some}}}\n  - {type: Pods, pods: {metric: {name: x}, target: {type: AverageValue, averageValue: \"${LOAD}\"}}}\n"
        => [],
    no_type: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}\n"
        => [],
}
