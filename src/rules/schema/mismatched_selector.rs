use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// A workload's `spec.selector` does not match its own template's labels.
    ///
    /// ## Why
    /// The API server refuses the object, so a release stops half way: "`selector` does not match template `labels`"
    /// (k8s:pkg/apis/apps/validation/validation.go). It happens when a label is renamed in one of the two places, and
    /// no client-side tool notices. The selector is immutable, so it is the template that has to follow.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector:
    ///     matchLabels: { app: shop, tier: web }
    ///   template:
    ///     metadata:
    ///       labels: { app: shop, tier: frontend }
    ///     spec:
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
    ///   selector:
    ///     matchLabels: { app: shop }
    ///     matchExpressions:
    ///     - { key: tier, operator: In, values: [web, frontend] }
    ///   template:
    ///     metadata:
    ///       labels: { app: shop, tier: web, version: v2 }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "schema/mismatched-selector" pub struct MismatchedSelector {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SELECTING,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_TEMPLATE,
    variables: &[
        Variable {
            name: "labels",
            cel: "
        has(variables.podTemplate.metadata) && has(variables.podTemplate.metadata.labels)
          ? variables.podTemplate.metadata.labels : {}
        ",
        },
        Variable {
            name: "selector",
            cel: "
        !has(object.spec) || !has(object.spec.selector) || !has(object.spec.template) ? {}
        : object.kind == 'Job' && !(has(object.spec.manualSelector) && object.spec.manualSelector) ? {}
        : object.kind == 'ReplicationController' ? {'matchLabels': object.spec.selector}
        : object.spec.selector
        ",
        },
        findings("
        (has(variables.selector.matchLabels) ? variables.selector.matchLabels : {})
          .filter(key, !(key in variables.labels) || variables.labels[key] != variables.selector.matchLabels[key])
          .map(key, '`spec.selector` asks for `' + key + '=' + variables.selector.matchLabels[key]
            + '`, which the template does not have')
        + (has(variables.selector.matchExpressions) ? variables.selector.matchExpressions : [])
          .filter(it,
            it.operator == 'In' ? !(it.key in variables.labels && has(it.values)
                && variables.labels[it.key] in it.values)
            : it.operator == 'NotIn' ? it.key in variables.labels && has(it.values)
                && variables.labels[it.key] in it.values
            : it.operator == 'Exists' ? !(it.key in variables.labels)
            : it.operator == 'DoesNotExist' && it.key in variables.labels)
          .map(it, '`spec.selector` asks for `' + it.key + '` ' + it.operator
            + ', which the labels of the template are not')
        "),
    ],
};

impl Rule for MismatchedSelector {
    fn check(&self, cx: &mut Ctx<'_>) {
        for workload in cx.cluster.workloads() {
            if let Some(selector) = &workload.selector
                && is_validated(workload)
                && let Some(unmet) = unmet(selector, workload)
            {
                let key = unmet.key;
                let (has, here) = match unmet.label.and_then(Place::text) {
                    Some(value) => (
                        format!("the template has `{key}={value}`"),
                        "not what the selector asks for",
                    ),
                    None => (format!("the template has no label `{key}`"), "the label is not here"),
                };
                let spot = unmet.label.map_or_else(|| missing_label(workload), Place::primary);
                cx.report(workload, spot, format!("`spec.selector` asks for `{}`, {has}", unmet.wanted))
                    .here(here)
                    .label(unmet.asked, "asked for here")
                    .help(format!(
                        "make the template's label `{key}` satisfy `{}`; the selector of a live object is immutable",
                        unmet.wanted
                    ));
            }
        }
    }
}

/// Jobs have their selector made for them unless they insist on their own.
fn is_validated(workload: &Workload<'_>) -> bool {
    match workload.kind {
        Kind::Job => workload.at("spec/manualSelector").and_then(Place::boolean) == Some(true),
        _ => !workload.borrows_template(),
    }
}

/// A part of a selector that the template's labels do not satisfy.
struct Unmet<'a> {
    key: &'a str,
    wanted: String,
    asked: Place<'a>,
    label: Option<Place<'a>>,
}

fn unmet<'a>(selector: &Selector<'a>, workload: &Workload<'a>) -> Option<Unmet<'a>> {
    let labels = workload.labels;
    if labels.0.is_some_and(|labels| !labels.is_mapping()) {
        return None;
    }
    let label = |key: &str| labels.0.and_then(|labels| labels.entry(key));
    let readable = |key: &str| label(key).is_none_or(is_value);
    let pair = selector.labels.iter().find(|(key, value, place)| {
        is_value(*place) && readable(key) && labels.get(key) != Some(value)
    });
    let pair = pair.map(|(key, value, place)| Unmet {
        key,
        wanted: format!("{key}={value}"),
        asked: *place,
        label: label(key),
    });
    pair.or_else(|| {
        let known = |requirement: &&Requirement<'_>| {
            matches!(requirement.operator, "In" | "NotIn" | "Exists" | "DoesNotExist")
                && !requirement.key.is_empty()
                && requirement.place.list("values").all(is_value)
                && readable(requirement.key)
        };
        let mut known = selector.requirements.iter().filter(known);
        let requirement = known.find(|requirement| !requirement.matches(labels))?;
        Some(Unmet {
            key: requirement.key,
            wanted: requirement.text(),
            asked: requirement.place,
            label: label(requirement.key),
        })
    })
}

/// True for what can be a label's value: neither null nor a template.
fn is_value(place: Place<'_>) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !place.is_null() && place.text().is_some_and(|text| text.chars().all(fits))
}

fn missing_label(workload: &Workload<'_>) -> Span {
    workload.template.nearest("metadata/labels").primary()
}

cases! {
    key_absent: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata:\n      labels: {name: a}\n"
        => ["8:7"],
    no_labels: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    spec: {}\n"
        => ["6:3"],
    no_label_among_metadata: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {annotations: {a: b}}\n"
        => ["7:5"],
    expression: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}\n  template: {metadata: {labels: {app: a}}}\n"
        => ["6:39"],
    expression_on_absent: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchExpressions: [{key: app, operator: Exists}]}\n  template: {metadata: {labels: {ap: a}}}\n"
        => ["6:25"],
    unknown_operator: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchExpressions: [{key: app, operator: Equals, values: [a]}]}\n  template: {metadata: {labels: {app: b}}}\n"
        => [],
    controller_with_a_plain_map: "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: a}\nspec:\n  selector: {app: a}\n  template: {metadata: {labels: {app: b}}}\n"
        => ["6:39"],
    controller_without: "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: a}\nspec:\n  template: {metadata: {labels: {app: b}}}\n"
        => [],
    rollout: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: b}}}\n"
        => ["6:39"],
    job_with_a_selector_of_its_own: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  manualSelector: true\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: b}}}\n"
        => ["7:39"],
    job_as_the_cluster_has_it: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {controller-uid: '1'}}\n  template: {metadata: {labels: {app: b}}}\n"
        => [],
    templated: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: '{{ .Values.name }}', b: c}}\n  template: {metadata: {labels: {app: shop, b: {{ .Values.b }}}}}\n"
        => [],
    empty_selects_all: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {}\n  template: {metadata: {labels: {app: b}}}\n"
        => [],
    in_a_list_as_json: r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "b"}}}}}]}"#
        => ["2:97"],
    shared_by_an_anchor: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  labels: &labels {app: a}\nspec:\n  selector: {matchLabels: *labels}\n  template: {metadata: {labels: {<<: *labels, b: c}}}\n"
        => [],
}
