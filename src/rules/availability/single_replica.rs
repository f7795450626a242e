use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A workload that a Service sends traffic may run as one replica.
    ///
    /// ## Why
    /// One drained node, one crash, one eviction, and every request fails until the new pod is ready. Nobody
    /// notices while the cluster is quiet; node upgrades find all such services in one night. What counts is the
    /// least number of pods: `minReplicas` of an HPA, `minReplicaCount` of a ScaledObject, else `replicas`. A fleet
    /// that scales to zero is for `keda/zero-behind-service`. Beside a slo.toml, an objective of 99.9 % asks for
    /// 2 replicas, one of 99.95 % for 3 that are spread over zones; below, one replica is no more than worth a note.
    ///
    /// ## Peers
    /// polaris asks for `spec.replicas` of 2 or more, kube-score forbids the field beside an HPA, and kube-linter
    /// can ask for three. slogen counts the least number of pods, whoever sets it, and only where a Service sends
    /// traffic: one pod less matters there alone, and the field itself is for `scaling/static-replicas`, so that
    /// both rules can be satisfied.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 1
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    /// A worker that no Service sends traffic may be alone:
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: mailer }
    /// spec:
    ///   selector: { matchLabels: { app: mailer } }
    ///   template:
    ///     metadata: { labels: { app: mailer } }
    ///     spec:
    ///       containers:
    ///       - name: mailer
    ///         image: mailer:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "availability/single-replica" pub struct SingleReplica {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that sends the traffic, and the autoscaler"),
}

impl Rule for SingleReplica {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads() {
            if let Some(service) = cluster.services_of(workload).find(|it| !it.is_for_metrics())
                && let Some(replicas) = cluster.replicas(workload)
                && replicas.is_known()
                && replicas.min > 0
            {
                check(cx, workload, service, &replicas);
            }
        }
    }
}

fn check<'a>(
    cx: &mut Ctx<'_>,
    workload: &Workload<'a>,
    service: &Service<'a>,
    replicas: &Replicas<'a, '_>,
) {
    let objective = cx.cluster.declared(workload).and_then(|declared| declared.objective.as_ref());
    let needed = objective.map_or(2, |objective| replicas_for(objective.value));
    let (wanting, content): (Vec<_>, Vec<_>) =
        objective.into_iter().partition(|objective| objective.value >= Decimal::new(999, 3));
    let (wanting, content) = (wanting.first(), content.first());
    let (name, min) = (workload.name, replicas.min);
    let unspread = needed > 2 && min >= needed && !spreads_over_zones(workload);
    if min >= needed && !unspread {
        return;
    }
    let message = match wanting {
        Some(objective) if unspread => {
            let objective = plain(objective.value);
            format!("an objective of {objective} needs a spread over zones, `{name}` has none")
        }
        Some(objective) => {
            let objective = plain(objective.value);
            format!(
                "an objective of {objective} needs {needed} replicas, `{name}` has {min} at the least"
            )
        }
        None => format!(
            "`{name}` has 1 replica at the least, and Service `{}` sends it traffic",
            service.name
        ),
    };
    let help = if unspread {
        "add a constraint with `topologyKey: topology.kubernetes.io/zone` to \
         `topologySpreadConstraints`"
            .to_owned()
    } else if workload.kind == Kind::Pod {
        format!("run it as a Deployment with `replicas: {needed}`")
    } else {
        format!("set `{}: {needed}`", replicas.key())
    };
    let here =
        if workload.kind == Kind::Pod { "a bare Pod is one".to_owned() } else { replicas.text() };
    let spot = cx.cluster.replicas_spot(workload);
    // The one whose file it is, so that its annotations can suppress this.
    let object = replicas.owner.filter(|_| replicas.place.is_some()).map(|owner| &owner.object);
    let selector = service.selector.as_ref().map(|selector| selector.place);
    cx.report(object.unwrap_or(workload), spot, message)
        // Who declares such an objective knows that it leaves time for a restart.
        .severity(if content.is_some() { Info } else { Warning })
        .here(here)
        .label_if(selector, "this Service selects its pods")
        .label_if(wanting.map(|objective| objective.span), "the objective")
        .label_if(content.map(|objective| objective.span), "no objective is as high as 99.9 %")
        .help(help);
}

/// How many replicas an objective needs: one may be gone at any time, for the strictest ones two.
fn replicas_for(objective: Decimal) -> i64 {
    if objective >= Decimal::new(9995, 4) { 3 } else { 2 }
}

/// True if replicas keep to different zones, by a spread constraint or by anti-affinity.
fn spreads_over_zones(workload: &Workload<'_>) -> bool {
    let Some(pod) = workload.pod else { return false };
    let is_zone = |term: Place<'_>| {
        term.text_of("topologyKey").is_some_and(|key| key.contains("zone") || is_placeholder(key))
    };
    let affinity = pod.at("affinity/podAntiAffinity");
    let required = affinity
        .into_iter()
        .flat_map(|affinity| affinity.list("requiredDuringSchedulingIgnoredDuringExecution"));
    let preferred = affinity
        .into_iter()
        .flat_map(|affinity| affinity.list("preferredDuringSchedulingIgnoredDuringExecution"))
        .filter_map(|term| term.get("podAffinityTerm"));
    pod.list("topologySpreadConstraints").chain(required).chain(preferred).any(is_zone)
}

cases! {
    two_environments: "# file: prod/auto.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 3, maxReplicas: 9}\n# file: prod/shop.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n# file: staging/auto.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 3, maxReplicas: 9}\n# file: staging/shop.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
    unset_is_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["3:18"],
    at_the_hpa: "# file: a.yaml\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n# file: hpa.yaml\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {kind: StatefulSet, name: a}\n  minReplicas: 1\n  maxReplicas: 5\n"
        => ["hpa.yaml:6:16"],
    hpa_without_min: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 5}\n"
        => ["3:18"],
    keda: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 1}\n"
        => ["14:52"],
    zero_is_for_another_rule: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => [],
    scaled_down_by_hand: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 0, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    unknown_counts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: \"${REPLICAS}\", template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    no_count_of_their_own: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    bare_pod: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: a}}}\n- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}}}\n"
        => ["4:48"],
    an_objective_needs_three: "# file: slo.toml\nprofile = \"web\"\n[service]\nname = \"a\"\nnamespace = \"x\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.05%\" }\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x}\nspec: {selector: {app: a}}\n"
        => ["a.yaml:4:18"],
    and_a_spread: "# file: slo.toml\nprofile = \"web\"\n[service]\nname = \"a\"\nnamespace = \"x\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.05%\" }\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x}\nspec: {selector: {app: a}}\n"
        => ["a.yaml:4:18"],
    with_a_spread: "# file: slo.toml\nprofile = \"web\"\n[service]\nname = \"a\"\nnamespace = \"x\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.05%\" }\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}, spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x}\nspec: {selector: {app: a}}\n"
        => [],
    metrics_are_no_traffic: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http-metrics, port: 9090}]}\n"
        => [],
    other_namespace: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {app: a}}}}\n# file: b.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: y}\nspec: {selector: {app: a}}\n"
        => [],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::severities;

    #[test]
    fn a_loose_objective_bears_one_replica() {
        let of = |below: &str| {
            let text = format!(
                "# file: slo.toml\nprofile = \"web\"\n[service]\nname = \"a\"\nnamespace = \"x\"\n\
                 image = \"a:1\"\n[targets]\nerrors = {{ below = \"{below}\" }}\n# file: a.yaml\n\
                 apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, namespace: x}}\n\
                 spec: {{template: {{metadata: {{labels: {{app: a}}}}}}}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: x}}\n\
                 spec: {{selector: {{app: a}}}}\n"
            );
            severities(&text, "availability/single-replica")
        };
        assert_eq!(of("5%"), [Severity::Info]);
        assert_eq!(of("0.1%"), [Severity::Warning]);
    }
}
