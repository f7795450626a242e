use crate::rules::prelude::*;

declare_rule! {
    /// A disruption budget matches no pods, or all of a namespace.
    ///
    /// ## Why
    /// It protects nothing, and nobody notices until a node upgrade takes the whole service at once: the label was
    /// renamed in the Deployment and not here (kubernetes.io/docs/tasks/run-application/configure-pdb). An empty
    /// selector is the other extreme: since policy/v1 it counts all pods of the namespace as one fleet, so that one
    /// broken Deployment blocks the drain of every other. Under `closed_world` a budget without pods is an error.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: store } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "availability/unmatched-pdb" pub struct UnmatchedPdb {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the workloads whose pods a selector picks"),
}

impl Rule for UnmatchedPdb {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for budget in cluster.budgets() {
            match &budget.selector {
                Some(selector) if selector.is_placeholder() => {}
                Some(selector) if selector.is_empty() && budget.selects_all() => {
                    all(cx, budget, selector);
                }
                Some(selector) => unmatched(cx, budget, Some(selector)),
                None if budget.at("spec/selector").is_none() => unmatched(cx, budget, None),
                None => {}
            }
        }
    }
}

fn all<'a>(cx: &mut Ctx<'_>, budget: &Budget<'a>, selector: &Selector<'a>) {
    let beside = cx.cluster.workloads_beside(budget).filter(|workload| !workload.owned);
    let count = beside.count();
    if count < 2 {
        return;
    }
    let message =
        format!("PDB `{}` counts the pods of {count} workloads as one fleet", budget.name);
    cx.report(budget, selector.place, message)
        .here("empty, which is every pod")
        .help("select the pods of one workload, and write a PDB for each");
}

fn unmatched<'a>(cx: &mut Ctx<'_>, budget: &Budget<'a>, selector: Option<&Selector<'a>>) {
    let cluster = cx.cluster;
    let closed = cluster.is_closed();
    if cluster.workloads_of_budget(budget).next().is_some()
        || (cluster.workloads_beside(budget).next().is_none() && !closed)
        || selector.is_some_and(|selector| !closed && may_match(cluster, budget, selector))
    {
        return;
    }
    let name = budget.name;
    let (spot, message) = match selector {
        Some(selector) if !selector.is_empty() => {
            let culprit = selector.culprit_by(
                |key, value| cluster.has_pods_labelled(budget, key, value),
                |requirement| {
                    let mut beside = cluster.workloads_beside(budget);
                    beside.any(|workload| requirement.matches(workload.labels))
                },
            );
            let asked = selector.text();
            (
                culprit.primary(),
                format!("PDB `{name}` selects `{asked}`, which no pod template in the input has"),
            )
        }
        Some(selector) => (
            selector.place.primary(),
            format!("the empty selector of PDB `{name}` selects nothing before policy/v1"),
        ),
        None => {
            (budget.missing("spec"), format!("PDB `{name}` has no selector, so it selects nothing"))
        }
    };
    let near = cluster.workloads_beside(budget).find(|workload| workload.name == name);
    let help = match near.and_then(|near| near.labels.iter().next()) {
        Some((key, value)) => format!(
            "select labels of the pods of `{name}`, such as `{key}: {}`",
            value.text().unwrap_or("")
        ),
        None => "select labels that a pod template has".to_owned(),
    };
    cx.report(budget, spot, message)
        .severity(if closed { Error } else { Warning })
        .here("protects nothing")
        .label_if(near.and_then(|near| near.labels.0), "the pods have these")
        .help(help);
}

/// True if the selector matches pods of which nobody knows whether they share the namespace, or pods that an
/// operator makes of an object whose name it asks for.
fn may_match<'a>(cluster: &Cluster<'a>, budget: &Budget<'a>, selector: &Selector<'a>) -> bool {
    let one_unset = |object: &Object<'_>| object.namespace.is_none() != budget.namespace.is_none();
    let given = |(key, value): (&'a str, Place<'a>)| {
        value.text().is_some_and(is_placeholder)
            && (selector.labels.iter().any(|(asked, ..)| *asked == key)
                || selector.requirements.iter().any(|asked| asked.key == key))
    };
    let custom = |object: &Object<'a>| {
        matches!(object.kind, Kind::Other | Kind::Prometheus)
            && object.group.contains('.')
            && !object.group.ends_with(".k8s.io")
            && object.shares_namespace(budget)
            && selector.labels.iter().any(|(_, value, _)| *value == object.name)
    };
    cluster.workloads_labelled(selector).into_iter().any(|it| one_unset(it))
        || cluster.workloads_beside(budget).any(|workload| workload.labels.iter().any(given))
        || cluster.objects().iter().any(custom)
}

cases! {
    the_first_entry_that_none_has: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec:\n  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app: a\n      tier: web\n"
        => ["14:13"],
    by_an_expression: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchExpressions: [{key: app, operator: In, values: [b]}]}}\n"
        => ["9:58"],
    alone: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: a}}}\n"
        => [],
    alone_in_a_closed_world: "# lint: closed_world = true\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: a}}}\n"
        => ["4:57"],
    empty: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: b}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n"
        => ["14:27"],
    empty_for_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n"
        => [],
    no_selector: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1}\n"
        => ["9:1"],
    of_an_operator: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: db}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {cnpg.io/cluster: db}}}\n"
        => [],
}
