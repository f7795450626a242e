use crate::rules::prelude::*;

declare_rule! {
    /// A workload that takes traffic ends all pods before it starts new ones.
    ///
    /// ## Why
    /// `Recreate` ends every pod, waits until they are gone, and then starts the new ones
    /// (k8s:pkg/controller/deployment/ recreate.go): each deploy is an outage as long as a start takes, and meanwhile
    /// the HPA reads no metrics. Volumes that one node at a time may mount are a reason for it.
    ///
    /// ## Peers
    /// kube-linter can demand a rolling update of every Deployment. slogen does so only where a Service sends
    /// traffic: for a consumer of a queue, or for what must never run twice, `Recreate` is the right choice.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { type: Recreate }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { type: RollingUpdate }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// What no Service sends traffic may be gone for a while:
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: mailer }
    /// spec:
    ///   strategy: { type: Recreate }
    ///   selector: { matchLabels: { app: mailer } }
    ///   template:
    ///     metadata: { labels: { app: mailer } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: mailer:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "rollout/recreate-behind-service" pub struct RecreateBehindService {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for RecreateBehindService {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|it| it.kind == Kind::Deployment && !it.owned) {
            if let Some(kind) = workload.at("spec/strategy/type")
                && kind.text() == Some("Recreate")
                && !holds_volume(cluster, workload)
            {
                check(cx, workload, kind);
            }
        }
    }
}

fn check(cx: &mut Ctx<'_>, workload: &Workload<'_>, kind: Place<'_>) {
    let cluster = cx.cluster;
    let name = workload.name;
    let service = cluster.services_of(workload).find(|service| !service.is_for_metrics());
    let autoscaler = cluster.autoscalers_of(workload).next();
    let (message, spot, label) = match (service, autoscaler) {
        (Some(service), _) => (
            format!("each update of `{name}` is an outage of Service `{}`", service.name),
            service.selector.as_ref().map(|selector| selector.place.primary()),
            "selects its pods",
        ),
        (None, Some(autoscaler)) => (
            format!(
                "each update of `{name}` leaves {} `{}` without metrics",
                autoscaler.word(),
                autoscaler.name
            ),
            Some(autoscaler.target_spot()),
            "scales it",
        ),
        (None, None) => return,
    };
    cx.report(workload, kind, message)
        .here("all pods go before one comes")
        .label_if(spot, label)
        .help("write `type: RollingUpdate`");
}

/// True if it mounts a claim that only one node or pod may have, or of which the input does not say so.
fn holds_volume(cluster: &Cluster<'_>, workload: &Workload<'_>) -> bool {
    let shared = |claim: &str| {
        let mut claims = cluster.objects().iter().filter(|object| {
            object.kind_name == "PersistentVolumeClaim"
                && object.name == claim
                && object.shares_namespace(workload)
        });
        claims.next().is_some_and(|object| {
            let mut modes = object.at("spec/accessModes").into_iter().flat_map(Place::items);
            modes.any(|mode| matches!(mode.text(), Some("ReadWriteMany" | "ReadOnlyMany")))
        })
    };
    let volumes = workload.pod.into_iter().flat_map(|pod| pod.list("volumes"));
    let mut claims = volumes.filter_map(|volume| volume.get("persistentVolumeClaim"));
    claims.any(|claim| !claim.text_of("claimName").is_some_and(shared))
}

cases! {
    autoscaled: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["4:25"],
    volumes: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate}, template: {metadata: {labels: {app: a}}, spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    shared_volumes: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate}, template: {metadata: {labels: {app: a}}, spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {accessModes: [ReadWriteMany]}\n"
        => ["4:25"],
}
