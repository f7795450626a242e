use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// A VPA changes the requests that an autoscaler divides by.
    ///
    /// ## Why
    /// The HPA's utilisation is usage divided by the request. When the VPA raises the request, utilisation falls and the HPA
    /// removes pods; those left use more, and the VPA raises the request again: a loop that ends in few huge pods. The VPA's
    /// own documentation lists it under its known limitations (kubernetes/autoscaler).
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    /// ---
    /// apiVersion: autoscaling.k8s.io/v1
    /// kind: VerticalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   targetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   updatePolicy: { updateMode: Auto }
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    /// ---
    /// apiVersion: autoscaling.k8s.io/v1
    /// kind: VerticalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   targetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   updatePolicy: { updateMode: Auto }
    ///   resourcePolicy:
    ///     containerPolicies: [{ containerName: "*", controlledResources: [memory] }]
    /// ```
    "scaling/vpa-on-same-resource" pub struct VpaOnSameResource {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs both autoscalers"),
}

impl Rule for VpaOnSameResource {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut vpas =
            cluster.of_kind(Kind::VerticalPodAutoscaler).filter(|it| acts(it)).peekable();
        if vpas.peek().is_none() {
            return;
        }
        let mut by_target: FxHashMap<_, Vec<&Autoscaler<'_>>> = FxHashMap::default();
        for autoscaler in cluster.autoscalers().iter().filter(|it| !it.target.name.is_empty()) {
            by_target.entry(autoscaler.target.name).or_default().push(autoscaler);
        }
        for vpa in vpas {
            let Some(target) = vpa.at("spec/targetRef").filter(|it| it.is_mapping()) else {
                continue;
            };
            let reference = Reference::read(target);
            let same = by_target.get(reference.name).map_or(&[][..], Vec::as_slice).iter();
            for autoscaler in
                same.copied().filter(|it| it.target.agrees(&reference) && it.shares_namespace(vpa))
            {
                check(cx, vpa, target, autoscaler);
            }
        }
    }
}

/// True if it changes the requests of running pods; unset it does.
fn acts(vpa: &Object<'_>) -> bool {
    let mode = vpa.at("spec/updatePolicy/updateMode").and_then(Place::text);
    mode.is_none_or(|mode| !matches!(mode, "Off" | "Initial") && !is_placeholder(mode))
}

fn check<'a>(cx: &mut Ctx<'a>, vpa: &Object<'a>, target: Place<'a>, autoscaler: &Autoscaler<'a>) {
    let workload = cx.cluster.target(autoscaler);
    let mut found = Vec::new();
    for metric in &autoscaler.metrics {
        let Some((resource, place)) = metric.resource() else { continue };
        let names: Vec<_> = match (metric.container(), workload) {
            (Some(name), _) => vec![name],
            (None, Some(workload)) => workload.containers.iter().map(|it| it.name).collect(),
            (None, None) => Vec::new(),
        };
        if let Some(written) = control(vpa, &names, resource) {
            found.push((resource, place, written));
        }
    }
    let Some((resource, _, written)) = found.first() else { return };
    let (word, name) = (autoscaler.word(), autoscaler.name);
    let message = format!(
        "VPA `{}` changes {resource} requests of `{}`, which {word} `{name}` scales by {resource}",
        vpa.name, autoscaler.target.name
    );
    let (spot, here) = match *written {
        Control::Written(list) => (list, format!("controls {resource}")),
        Control::Default => (target, "controls cpu and memory by default".to_owned()),
    };
    let others = if *resource == "cpu" { "memory" } else { "cpu" };
    let mut report = cx.report(vpa, spot, message).here(here).help(format!(
        "set `controlledResources: [{others}]`, or `updateMode: \"Off\"`, or scale by another metric"
    ));
    for (resource, place, _) in &found {
        let spot = place.map_or_else(|| autoscaler.target_spot(), Place::primary);
        report = report.label(spot, format!("{word} scales by {resource}"));
    }
}

/// Where it is said that the VPA changes a resource.
#[derive(Clone, Copy)]
enum Control<'a> {
    /// Nowhere: it is the default.
    Default,
    /// By `controlledResources`.
    Written(Place<'a>),
}

/// How `vpa` changes `resource` of one of these containers, if it does; no names stand for containers that are not
/// known.
fn control<'a>(vpa: &Object<'a>, names: &[&str], resource: &str) -> Option<Control<'a>> {
    let policies = vpa.at("spec/resourcePolicy/containerPolicies");
    let policies: Vec<_> = policies.into_iter().flat_map(Place::items).collect();
    let by_name = |name: &str| policies.iter().find(|it| it.text_of("containerName") == Some(name));
    let of_policy = |policy: Option<&Place<'a>>| {
        let Some(policy) = policy else { return Some(Control::Default) };
        if policy.text_of("mode") == Some("Off") {
            return None;
        }
        let Some(list) = policy.get("controlledResources") else { return Some(Control::Default) };
        list.items().any(|it| it.text() == Some(resource)).then_some(Control::Written(list))
    };
    let general = by_name("*");
    if names.is_empty() {
        let mut specific = policies.iter().filter(|it| it.text_of("containerName") != Some("*"));
        return of_policy(general).or_else(|| specific.find_map(|it| of_policy(Some(it))));
    }
    names.iter().find_map(|name| of_policy(by_name(name).or(general)))
}

cases! {
    controlled_resources: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: memory, metricType: Utilization}]}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  resourcePolicy: {containerPolicies: [{\n      containerName: '*',\n      controlledResources: [cpu, memory]}]}\n"
        => ["13:7"],
    off_initial_and_other_metrics: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec: {targetRef: {kind: Deployment, name: a}, updatePolicy: {updateMode: Off}}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec: {targetRef: {kind: Deployment, name: a}, updatePolicy: {updateMode: \"Initial\"}}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec: {targetRef: {kind: StatefulSet, name: a}}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v, namespace: n}\nspec: {targetRef: {kind: Deployment, name: a}, resourcePolicy: {containerPolicies: [{containerName: '*', mode: \"Off\"}]}}\n"
        => [],
    the_container_that_counts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w}, {name: p}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: w, target: {averageUtilization: 70}}}]}\n---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec: {targetRef: {kind: Deployment, name: a}, resourcePolicy: {containerPolicies: [{containerName: w, mode: \"Off\"}]}}\n"
        => [],
}
