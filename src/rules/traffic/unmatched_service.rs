use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// The selector of a Service matches no pod template.
    ///
    /// ## Why
    /// A Service without endpoints is created without complaint, its DNS name resolves, and every connection is
    /// refused. A label renamed on one side is all it takes, and nothing says so until the first request
    /// (stackrox/kube-linter#591). What the input does not hold may be elsewhere: it is an error only with
    /// `closed_world = true`, and no more than advice where no workload of the namespace is in the input.
    ///
    /// ## Peers
    /// kube-score and kube-linter fail a Service whose pods are not among the files. slogen calls it an error only
    /// with `closed_world = true`: a Service and its pods often live in two repositories, and what was not read is
    /// not known to be missing.
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
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: store }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    /// Without a selector, endpoints are made by hand; an ExternalName has none:
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: database }
    /// spec:
    ///   ports: [{ name: mysql, port: 3306 }]
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: payments }
    /// spec: { type: ExternalName, externalName: payments.example.com }
    /// ```
    "traffic/unmatched-service" pub struct UnmatchedService {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the workloads that the Service is for"),
}

impl Rule for UnmatchedService {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut unread = None;
        for service in cluster.services() {
            if let Some(selector) = &service.selector
                && cluster.workloads_of_service(service).next().is_none()
                && service.at("spec/type").and_then(Place::text) != Some("ExternalName")
                && !selector.is_placeholder()
            {
                let labelled = cluster.workloads_labelled(selector);
                let closed = cluster.is_closed();
                let maybe = labelled.iter().any(|workload| is_maybe_beside(service, workload));
                if is_given(cluster, service, selector) || (maybe && !closed) {
                    continue;
                }
                // In another namespace, or it would match.
                let elsewhere = labelled.first().copied();
                let unread = unread.get_or_insert_with(|| Unread::new(cluster));
                report(cx, service, selector, elsewhere, unread);
            }
        }
    }
}

/// So many workloads are looked at for the one that is meant.
const MOST: usize = 500;

fn report<'a>(
    cx: &mut Ctx<'_>,
    service: &Service<'a>,
    selector: &Selector<'a>,
    elsewhere: Option<&Workload<'a>>,
    unread: &Unread<'_, 'a>,
) {
    let cluster = cx.cluster;
    let culprit =
        selector.culprit_by(|key, value| cluster.has_pods_labelled(service, key, value), |_| true);
    let (key, value) = (culprit.key().unwrap_or(""), culprit.text().unwrap_or(""));
    if unread.may_have(service, key) {
        return;
    }
    let candidates: Vec<_> = cluster.workloads_beside(service).take(MOST).collect();
    let candidates = candidates.as_slice();
    let made = unread.made_by_operator(cluster, selector, service);
    let severity = match candidates {
        _ if made || is_set_at_run_time(selector, key, candidates) => Info,
        _ if cluster.is_closed() => Error,
        [] => Info,
        _ => Warning,
    };
    let name = service.name;
    let asked = format!("{key}={value}");
    let together = cluster.has_pods_labelled(service, key, value);
    let message = match (elsewhere, candidates) {
        (Some(workload), _) => {
            let (title, namespace) = (workload.title(), workload.namespace.unwrap_or(""));
            format!(
                "Service `{name}` selects pods of {title}, which are in namespace `{namespace}`"
            )
        }
        (None, []) => {
            let asked = selector.text();
            format!("Service `{name}` selects `{asked}`, and no such workload is in the input")
        }
        (None, _) if together => {
            format!("Service `{name}` selects `{}`, which no one pod template has", selector.text())
        }
        (None, _) => format!("Service `{name}` selects `{asked}`, which no pod template has"),
    };
    let near = near(selector, service.name, (key, value), candidates);
    let there = near.and_then(|near| Some((near, near.labels.0?.get(key)?)));
    let help = match (elsewhere, near, there) {
        (Some(workload), ..) => {
            format!("set `metadata.namespace: {}`", workload.namespace.unwrap_or(""))
        }
        (None, Some(near), Some((_, value))) if !together => {
            let value = value.text().unwrap_or("");
            format!("write `{key}: {value}`, as the pods of {} have it", near.title())
        }
        (None, Some(near), _) => match near.labels.iter().next() {
            Some((key, value)) => {
                let value = value.text().unwrap_or("");
                format!(
                    "select labels that pods of {} have, such as `{key}: {value}`",
                    near.title()
                )
            }
            None => format!("give the pods of {} the label", near.title()),
        },
        (None, None, _) => "select labels that a pod template has".to_owned(),
    };
    let spot = there.map(|(_, value)| value).or_else(|| near.and_then(|near| near.labels.0));
    let label = there.map_or("these labels are near", |_| "the nearest has this");
    cx.report(service, culprit, message)
        .severity(severity)
        .here(if candidates.is_empty() { "no such pod in the input" } else { "no pod has this" })
        .label_if(elsewhere.map(|workload| workload.spot()), "in another namespace")
        .label_if(spot.filter(|_| elsewhere.is_none()), label)
        .help(help);
}

/// True if nobody knows whether a workload that matches shares the namespace, since one is not written.
fn is_maybe_beside(service: &Service<'_>, workload: &Workload<'_>) -> bool {
    service.namespace.is_none() != workload.namespace.is_none()
}

/// The workload that is most probably meant: the one that has most of the labels, or nearly the one asked for,
/// or the name of the Service.
fn near<'c, 'a>(
    selector: &Selector<'a>,
    name: &str,
    (key, value): (&str, &str),
    candidates: &[&'c Workload<'a>],
) -> Option<&'c Workload<'a>> {
    let rank = |workload: &Workload<'_>| {
        let slip = workload
            .labels
            .get(key)
            .is_some_and(|other| nearest(value, std::iter::once(other)).is_some());
        (selector.met(workload.labels), slip, workload.name == name)
    };
    let ranked = candidates.iter().map(|workload| (rank(workload), *workload));
    let best = ranked.rev().max_by_key(|(rank, _)| *rank)?;
    (best.0 != (0, false, false)).then_some(best.1)
}

/// True if the pods get by their controller what their template lacks.
fn is_given<'a>(cluster: &Cluster<'a>, service: &Service<'a>, selector: &Selector<'a>) -> bool {
    const BY_CONTROLLERS: [&str; 7] = [
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "job-name",
        "batch.kubernetes.io/job-name",
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "controller-revision-hash",
    ];
    let all = |workload: &Workload<'_>| {
        selector.labels.iter().all(|(key, value, _)| {
            workload.labels.get(key) == Some(value) || controller_sets(key, value, workload)
        })
    };
    selector.labels.iter().any(|(key, ..)| BY_CONTROLLERS.contains(key))
        && cluster.workloads_beside(service).any(all)
}

fn controller_sets(key: &str, value: &str, workload: &Workload<'_>) -> bool {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    match key {
        "statefulset.kubernetes.io/pod-name" => {
            let ordinal = value.strip_prefix(workload.name).and_then(|rest| rest.strip_prefix('-'));
            workload.kind == Kind::StatefulSet && ordinal.is_some_and(is_number)
        }
        "apps.kubernetes.io/pod-index" => workload.kind == Kind::StatefulSet && is_number(value),
        "job-name" | "batch.kubernetes.io/job-name" => match workload.kind {
            Kind::Job => value == workload.name,
            Kind::CronJob => value.starts_with(workload.name),
            _ => false,
        },
        "pod-template-hash" | "rollouts-pod-template-hash" | "controller-revision-hash" => true,
        _ => false,
    }
}

/// True if the members of a cluster seem to elect who carries the label, as databases do: only that one is
/// missing, and no template knows its key.
fn is_set_at_run_time(selector: &Selector<'_>, key: &str, candidates: &[&Workload<'_>]) -> bool {
    let last = key.rsplit('/').next().unwrap_or(key);
    let elected = ["role", "leader", "master", "primary", "active"];
    let others = selector.labels.len().checked_sub(1).filter(|others| *others > 0);
    elected.iter().any(|word| last.contains(word))
        && candidates.iter().any(|workload| {
            workload.kind == Kind::StatefulSet
                && workload.labels.get(key).is_none()
                && Some(selector.met(workload.labels)) == others
        })
}

/// What the input says too little of.
struct Unread<'c, 'a> {
    /// Objects of kinds that operators define, by name.
    custom: FxHashMap<&'a str, Vec<&'c Object<'a>>>,
    /// Workloads with labels that another tool will fill in.
    placeholders: Vec<&'c Workload<'a>>,
}

impl<'c, 'a> Unread<'c, 'a> {
    fn new(cluster: &'c Cluster<'a>) -> Self {
        let mut custom: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for object in cluster.objects() {
            let unread = matches!(object.kind, Kind::Other | Kind::Prometheus);
            if unread && object.group.contains('.') && !object.group.ends_with(".k8s.io") {
                custom.entry(object.name).or_default().push(object);
            }
        }
        let open = |workload: &&Workload<'_>| {
            workload.labels.iter().any(|(_, value)| value.text().is_some_and(is_placeholder))
        };
        Self { custom, placeholders: cluster.workloads().iter().filter(open).collect() }
    }

    /// True if pods beside the Service have the label with a value that nobody knows yet.
    fn may_have(&self, service: &Service<'_>, key: &str) -> bool {
        self.placeholders.iter().any(|workload| {
            workload.labels.get(key).is_some_and(is_placeholder)
                && workload.shares_namespace(service)
        })
    }

    /// True if an operator seems to make the pods: they are labelled with the name of its object, which no template
    /// knows.
    fn made_by_operator(
        &self,
        cluster: &Cluster<'a>,
        selector: &Selector<'_>,
        service: &Service<'a>,
    ) -> bool {
        let beside = |value| {
            cluster.workloads_beside(service).any(|workload| {
                workload.labels.iter().any(|(_, other)| other.text() == Some(value))
            })
        };
        selector.labels.iter().any(|(_, value, _)| {
            let named = self.custom.get(value).map_or(&[][..], Vec::as_slice);
            named.iter().any(|object| object.shares_namespace(service)) && !beside(*value)
        })
    }
}

cases! {
    the_first_entry_that_none_has: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a, tier: x}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector:\n    app: a\n    tier: y\n    more: z\n"
        => ["12:11"],
    each_has_one_of_them: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a, tier: x}}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: b, tier: y}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a, tier: y}}\n"
        => ["14:24"],
    jobs_count: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {app: a}}}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    bare_pods_count: "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: a}}}, {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}}}]}"
        => [],
    alone: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["4:24"],
    nothing_to_select: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {clusterIP: None}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {type: ExternalName, externalName: x.example, selector: {app: c}}\n"
        => [],
    namespaces: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {app: a}}}}\n# file: b.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: y}\nspec: {selector: {app: a}}\n# file: c.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x}\nspec: {selector: {app: a}}\n"
        => ["b.yaml:4:24"],
    one_pod_of_a_stateful_set: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a-0}\nspec: {selector: {statefulset.kubernetes.io/pod-name: a-0}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b-0}\nspec: {selector: {app: a, statefulset.kubernetes.io/pod-name: b-0}}\n"
        => ["14:63"],
    namespaces_that_nobody_knows: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {app: a}}}}\n# file: b.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: b}}}}\n"
        => [],
    placeholders: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: '${APP}'}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {selector: {app: '{{ app }}'}}\n"
        => [],
    another_key: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app.kubernetes.io/name: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["9:24"],
    labels_of_the_deployment_itself: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, labels: {app: a}}\nspec: {template: {metadata: {labels: {name: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["9:24"],
    through_an_anchor: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: &labels {app: a}}\n  template: {metadata: {labels: *labels}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::severities;

    const POD: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n\
                       spec: {template: {metadata: {labels: {app: db}}}}\n---\n";

    fn of(text: &str) -> Vec<Severity> {
        severities(text, "traffic/unmatched-service")
    }

    fn service(selector: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{selector: {selector}}}\n"
        )
    }

    #[test]
    fn what_is_not_in_the_input_may_be_elsewhere() {
        let (near, alone) = (POD.to_owned() + &service("{app: x}"), service("{app: x}"));
        assert_eq!(of(&near), [Severity::Warning]);
        assert_eq!(of(&alone), [Severity::Info]);
        for text in [near, alone] {
            assert_eq!(of(&format!("# lint: closed_world = true\n{text}")), [Severity::Error]);
        }
    }

    #[test]
    fn pods_made_or_labelled_by_others_are_no_mistake() {
        let elected = POD.to_owned() + &service("{app: db, role: master}");
        assert_eq!(of(&elected), [Severity::Info]);
        let custom =
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s}\n---\n";
        assert_eq!(
            of(&(POD.to_owned() + custom + &service("{prometheus: k8s}"))),
            [Severity::Info]
        );
        assert_eq!(
            of(&(POD.to_owned() + custom + &service("{prometheus: k9s}"))),
            [Severity::Warning]
        );
    }
}
