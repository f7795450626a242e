use crate::rules::prelude::*;

declare_rule! {
    /// Jobs may pile up.
    ///
    /// ## Why
    /// A CronJob whose runs take longer than their interval starts them side by side with `concurrencyPolicy: Allow`,
    /// which it is unless set; without `startingDeadlineSeconds` it gives up for good after 100 missed runs
    /// (kubernetes.io/docs/concepts/workloads/controllers/cron-jobs). A Job without `ttlSecondsAfterFinished` stays
    /// with its pods for ever, unless Helm or Argo CD deletes it as a hook.
    ///
    /// ```yaml,bad
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata: { name: migrate }
    /// spec:
    ///   template:
    ///     spec:
    ///       restartPolicy: Never
    ///       containers:
    ///       - name: migrate
    ///         image: migrate:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: { name: report }
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   concurrencyPolicy: Forbid
    ///   startingDeadlineSeconds: 600
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
    "hygiene/unbounded-job" pub struct UnboundedJob {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::RUNS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_SPEC,
    variables: &[
        Variable {
            name: "isHook",
            cel: "
        has(object.metadata.annotations) && ['helm.sh/hook-delete-policy', 'argocd.argoproj.io/hook-delete-policy']
          .exists(key, key in object.metadata.annotations)
        ",
        },
        findings("
        object.kind == 'Job'
        ? (variables.isHook || !has(variables.spec.template) || has(variables.spec.ttlSecondsAfterFinished) ? []
          : ['it stays for ever after it has finished: no ttlSecondsAfterFinished'])
        // What runs nothing is no workload.
        : !has(variables.spec.jobTemplate) || !has(variables.spec.jobTemplate.spec)
            || !has(variables.spec.jobTemplate.spec.template) ? []
        : (has(variables.spec.concurrencyPolicy) && variables.spec.concurrencyPolicy != 'Allow' ? []
            : ['runs may overlap: concurrencyPolicy is Allow'])
          + (has(variables.spec.startingDeadlineSeconds) ? []
            : ['missed runs have no deadline: no startingDeadlineSeconds'])
        "),
    ],
};

impl Rule for UnboundedJob {
    fn check(&self, cx: &mut Ctx<'_>) {
        for workload in cx.cluster.workloads().iter().filter(|workload| !workload.owned) {
            match workload.kind {
                Kind::CronJob => cron_job(cx, workload),
                Kind::Job if !is_hook(workload) => job(cx, workload),
                _ => {}
            }
        }
    }
}

/// True if someone else deletes it when it is done.
fn is_hook(workload: &Workload<'_>) -> bool {
    let deletes = ["helm.sh/hook-delete-policy", "argocd.argoproj.io/hook-delete-policy"];
    deletes.iter().any(|key| workload.annotation(key).is_some())
}

fn job(cx: &mut Ctx<'_>, workload: &Workload<'_>) {
    if workload.at("spec/ttlSecondsAfterFinished").is_none() {
        let message = format!("Job `{}` stays for ever after it has finished", workload.name);
        cx.report(workload, workload.missing("spec"), message)
            .here("no ttlSecondsAfterFinished")
            .help("set `ttlSecondsAfterFinished: 86400`");
    }
}

fn cron_job(cx: &mut Ctx<'_>, workload: &Workload<'_>) {
    let name = workload.name;
    let policy = workload.at("spec/concurrencyPolicy");
    let endless = workload.at("spec/startingDeadlineSeconds").is_none();
    if let Some(place) = policy.filter(|policy| policy.text() == Some("Allow")) {
        cx.report(workload, place, format!("runs of CronJob `{name}` may overlap"))
            .here("a slow run does not stop the next")
            .help("set `concurrencyPolicy: Forbid`");
    }
    let (what, help) = match (policy.is_none(), endless) {
        (true, true) => (
            "runs may overlap, and missed ones have no deadline",
            "set `concurrencyPolicy: Forbid` and `startingDeadlineSeconds`",
        ),
        (true, false) => {
            ("concurrencyPolicy is unset, which is Allow", "set `concurrencyPolicy: Forbid`")
        }
        (false, true) => ("missed runs have no deadline", "set `startingDeadlineSeconds`"),
        (false, false) => return,
    };
    cx.report(workload, workload.missing("spec"), format!("CronJob `{name}`: {what}")).help(help);
}

cases! {
    cron_jobs: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {}}}}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: b}\nspec:\n  concurrencyPolicy: Allow\n  startingDeadlineSeconds: 5\n  jobTemplate: {spec: {template: {}}}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec:\n  concurrencyPolicy: Replace\n  jobTemplate: {spec: {template: {}}}\n"
        => ["4:1", "10:22", "17:1"],
    hooks: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, annotations: {helm.sh/hook-delete-policy: hook-succeeded}}\nspec: {template: {}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: b}\nspec: {ttlSecondsAfterFinished: 0, template: {}}\n"
        => [],
}
