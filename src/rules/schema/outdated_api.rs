use crate::openapi::versions::{self, Outdated};
use crate::rules::conformity::{api_version, target};
use crate::rules::prelude::*;

declare_rule! {
    /// An object is written for a version of its API that is gone, or will be.
    ///
    /// ## Why
    /// After the upgrade that removes the version, `kubectl apply` says "no matches for kind", and Helm cannot even
    /// uninstall the release (kubernetes.io/docs/reference/using-api/deprecation-guide/). It is an error where the
    /// version is gone from the cluster that `kubernetes` names, by default the newest one known, and a warning where it
    /// is deprecated.
    ///
    /// ## Fix safety
    /// The newer version is written where nothing else changes. In `policy/v1` an empty selector of a
    /// PodDisruptionBudget picks all pods, where in `policy/v1beta1` it picked none: that is your decision.
    ///
    /// ```yaml,bad
    /// apiVersion: batch/v1beta1
    /// kind: CronJob
    /// metadata: { name: report }
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///           - name: report
    ///             image: report:1.2
    ///             resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: { name: report }
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///           - name: report
    ///             image: report:1.2
    ///             resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "schema/outdated-api" pub struct OutdatedApi {}
    severity: Error, fix: FixKind::Mixed, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads what was written, which the API server has converted"),
}

impl Rule for OutdatedApi {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let target = target(cluster);
        for object in cluster.objects() {
            let Some(version) = api_version(object) else { continue };
            if let Some(outdated) = versions::outdated(version, object.kind_name) {
                report(cx, object, version, outdated, target);
            }
        }
        for workload in cluster.workloads().iter().filter(|it| !it.borrows_template()) {
            if let Some(account) = workload.pod.and_then(|pod| pod.get("serviceAccount")) {
                let named = workload.pod.and_then(|pod| pod.get("serviceAccountName")).is_some();
                let spot = account.key_span().unwrap_or_else(|| account.primary());
                let report = cx
                    .report(workload, spot, "the field `serviceAccount` is deprecated")
                    .severity(Warning)
                    .here("another name for `serviceAccountName`");
                if named {
                    report.help("remove it: `serviceAccountName` says the same");
                } else {
                    report.help("write `serviceAccountName`").fix_safe(
                        "rename it to serviceAccountName",
                        [edit::rename(account, "serviceAccountName")],
                    );
                }
            }
        }
    }
}

fn report(
    cx: &mut Ctx<'_>,
    object: &Object<'_>,
    version: &str,
    outdated: Outdated,
    (major, minor): (u32, u32),
) {
    let Some(place) = object.root.get("apiVersion") else { return };
    let kind = object.kind_name;
    let gone = outdated.removed.filter(|removed| (1, *removed) <= (major, minor));
    if gone.is_none() && (major, minor) < (1, outdated.deprecated) {
        return;
    }
    let report = if let Some(removed) = gone {
        cx.report(object, place, format!("{kind} is not served as `{version}` since 1.{removed}"))
            .here(format!("gone in Kubernetes {major}.{minor}"))
    } else {
        let when = outdated.removed.map(|removed| format!("; it goes in 1.{removed}"));
        let since = outdated.deprecated;
        let message = format!("{kind} is deprecated as `{version}` since 1.{since}");
        cx.report(object, place, message + &when.unwrap_or_default())
            .severity(Warning)
            .here("deprecated")
    };
    let Some(instead) = outdated.instead else {
        report.help("there is no version to go on with: remove the object");
        return;
    };
    let report = report.help(match kind {
        "Endpoints" => "write an EndpointSlice of `discovery.k8s.io/v1`".to_owned(),
        _ => format!("write `apiVersion: {instead}`"),
    });
    let title = format!("write apiVersion: {instead}");
    let ops = [edit::set(place, instead)];
    if picks_all_from_now_on(object) {
        report.fix_unsafe(title + " (unsafe: an empty selector then picks all pods)", ops);
    } else if stays_valid(object, instead) {
        report.fix_safe(title, ops);
    }
}

/// True for a budget that picks nothing in `policy/v1beta1`, and everything in `policy/v1`.
fn picks_all_from_now_on(object: &Object<'_>) -> bool {
    object.kind == Kind::PodDisruptionBudget
        && object.at("spec/selector").is_none_or(|selector| selector.fields().next().is_none())
}

/// True if the object is a valid one of the newer version as it stands.
fn stays_valid(object: &Object<'_>, api_version: &str) -> bool {
    use crate::openapi::{Known, Schemas};
    let schemas = Schemas::default();
    let Known::Checked(schema) = schemas.find(api_version, object.kind_name) else { return false };
    let says_its_version = |path: &str| path == "apiVersion";
    schema.violations(object.root).is_ok_and(|found| {
        found.iter().all(|violation| says_its_version(&violation.path.to_string()))
    })
}

cases! {
    hpa: "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["1:13"],
    served_then: "# lint: kubernetes = \"1.22\"\napiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    deprecated_then: "# lint: kubernetes = \"1.24\"\napiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["1:13"],
    ingress: "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\nspec: {backend: {serviceName: a, servicePort: 80}}\n"
        => ["1:13"],
    service_account: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccount: a, containers: [{name: a, image: 'a:1'}]}\n"
        => ["4:8"],
    current: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n"
        => [],
    of_another_group: "apiVersion: example.com/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"
        => [],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::severities;

    #[test]
    fn what_is_served_still_is_a_warning() {
        let hpa = "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n";
        let of = |text: &str| severities(text, "schema/outdated-api");
        assert_eq!(of(hpa), [Severity::Error]);
        assert_eq!(of(&format!("# lint: kubernetes = \"1.25\"\n{hpa}")), [Severity::Warning]);
    }
}
