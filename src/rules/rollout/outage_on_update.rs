use crate::rules::prelude::*;

declare_rule! {
    /// A rolling update may take every pod that a Service sends traffic.
    ///
    /// ## Why
    /// `maxUnavailable: 1` of one replica is all of them: the controller ends the old pod before the new one is
    /// ready, and each deploy is an outage. The Deployment's percentages are rounded down, so the default of 25 %
    /// is harmless, and the written number is not. If it rounds to 0 beside `maxSurge: 0`, the controller takes 1
    /// (`pkg/controller/deployment/util/deployment_util.go`).
    ///
    /// ## Fix safety
    /// Unsafe: each update then needs room for one more pod, on nodes and in quotas.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { rollingUpdate: { maxUnavailable: 2 } }
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
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { rollingUpdate: { maxUnavailable: 0 } }
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
    ///   strategy: { rollingUpdate: { maxUnavailable: 1 } }
    ///   selector: { matchLabels: { app: mailer } }
    ///   template:
    ///     metadata: { labels: { app: mailer } }
    ///     spec:
    ///       containers:
    ///       - name: mailer
    ///         image: mailer:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "rollout/outage-on-update" pub struct OutageOnUpdate {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for OutageOnUpdate {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads() {
            if let Some(update) = Update::read(workload)
                && let Some(service) = cluster.services_of(workload).find(|it| !it.is_for_metrics())
                && let Some(replicas) = cluster.replicas(workload)
                && replicas.is_known()
                // Nothing runs that an update could take.
                && (replicas.min > 0 || replicas.owner.is_some())
                && let floor = replicas.floor()
                && let Some(gone) = update.gone(floor)
                && gone >= floor
            {
                report(cx, workload, service, &replicas, &update, gone);
            }
        }
    }
}

/// How a rolling update goes about.
struct Update<'a> {
    unavailable: Place<'a>,
    surge: Option<Place<'a>>,
}

impl<'a> Update<'a> {
    /// `None` if it is none, or `maxUnavailable` is not written.
    fn read(workload: &Workload<'a>) -> Option<Self> {
        let strategy = workload.at("spec/strategy")?;
        let settings = match workload.kind {
            Kind::Deployment => {
                let kind = strategy.text_of("type").unwrap_or("RollingUpdate");
                strategy.get("rollingUpdate").filter(|_| kind == "RollingUpdate")?
            }
            // Without steps a canary is a rolling update.
            Kind::Rollout => {
                strategy.get("canary").filter(|canary| canary.list("steps").next().is_none())?
            }
            _ => return None,
        };
        Some(Self { unavailable: settings.get("maxUnavailable")?, surge: settings.get("maxSurge") })
    }

    /// How many of `count` pods it may take at once.
    fn gone(&self, count: i64) -> Option<i64> {
        let unavailable = Share::read(self.unavailable)?;
        let surge = match self.surge {
            Some(surge) => Share::read(surge)?,
            None => Share::Percent(25),
        };
        let zero = |share| matches!(share, Share::Absolute(0) | Share::Percent(0));
        if zero(unavailable) && zero(surge) {
            // The API server refuses that.
            return None;
        }
        let (gone, more) = (unavailable.down(count), surge.up(count));
        Some(if gone == 0 && more == 0 { 1 } else { gone })
    }

    fn has_surge(&self, count: i64) -> bool {
        self.surge.and_then(Share::read).is_none_or(|surge| surge.up(count) > 0)
    }
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    workload: &Workload<'a>,
    service: &Service<'a>,
    replicas: &Replicas<'a, '_>,
    update: &Update<'a>,
    gone: i64,
) {
    let floor = replicas.floor();
    let gone = gone.min(floor);
    let all =
        if floor == 1 { "the only pod".to_owned() } else { format!("{gone} of {floor} pods") };
    let message =
        format!("an update of `{}` takes {all} behind Service `{}`", workload.name, service.name);
    let written = update.unavailable.text().unwrap_or("");
    let here = match Share::read(update.unavailable) {
        Some(Share::Percent(_)) => format!("{written} of {floor} is {gone}"),
        _ => "none is left".to_owned(),
    };
    let spot = cx.cluster.replicas_spot(workload);
    let surge = update.surge.filter(|_| !update.has_surge(floor));
    let (title, help) = if surge.is_some() {
        (
            "set `maxUnavailable` to 0 and `maxSurge` to 1",
            "set `maxUnavailable: 0` and `maxSurge: 1`",
        )
    } else {
        ("set `maxUnavailable` to 0", "set `maxUnavailable: 0`")
    };
    let changes = [Some(edit::set(update.unavailable, 0)), surge.map(|surge| edit::set(surge, 1))];
    cx.report(workload, update.unavailable, message)
        .here(here)
        .label(spot, replicas.text())
        .label_if(surge, "no pod comes before one goes")
        .help(help)
        .fix_unsafe(
            format!("{title} (unsafe: each update needs room for one more pod)"),
            changes.into_iter().flatten(),
        );
}

cases! {
    one_of_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 1\n  strategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 1\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["9:23"],
    one_of_two: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2, strategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    ninety_nine_per_cent_of_one_is_none: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 99%}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    all_per_cent: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 7, strategy: {rollingUpdate: {maxUnavailable: 100%}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["4:64"],
    both_round_to_zero: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 25%, maxSurge: 0}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["4:51"],
    both_zero_are_refused: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0%}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    the_floor_of_keda: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0}\n"
        => ["4:51"],
    keda_from_zero_with_surge: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 0}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0}\n"
        => [],
    the_floor_of_the_hpa: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1, strategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 2, maxReplicas: 9}\n"
        => [],
    recreate_is_another_rule: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate, rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    unserved: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n"
        => [],
    not_running: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 0, strategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    daemon_sets_count_nodes: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {updateStrategy: {rollingUpdate: {maxUnavailable: 1}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    argo_without_steps: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {replicas: 2, strategy: {canary: {maxUnavailable: 2}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["4:57"],
}
