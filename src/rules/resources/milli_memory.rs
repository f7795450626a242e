use crate::rules::prelude::*;

declare_rule! {
    /// An amount of memory or storage is counted in thousandths of a byte.
    ///
    /// ## Why
    /// The suffix `m` means milli for every resource, so `512m` is half a byte and not 512 megabytes. As a request it
    /// is as good as none: the scheduler packs the node until it is out of memory. As a limit it lets no container
    /// start. The API server takes both (elastic/helm-charts#268). Amounts of a mebibyte and more, which the API
    /// server itself writes so for fractions of bytes (`1288490188800m` is `1.2Gi`), are left alone.
    ///
    /// ## Fix safety
    /// Unsafe: `Mi` is a guess at what was meant, and the scheduler then reserves that much for every pod.
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
    ///         resources:
    ///           requests: { cpu: 250m, memory: 512m } # half of the limit
    ///           limits: { memory: 1Gi }
    /// ```
    /// ```yaml,fixed
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
    ///         resources:
    ///           requests: { cpu: 250m, memory: 512Mi } # half of the limit
    ///           limits: { memory: 1Gi }
    /// ```
    /// ```yaml,good
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
    ///         resources:
    ///           requests: { cpu: 250m, memory: 1288490188800m }
    ///           limits: { memory: 2Gi }
    /// ```
    "resources/milli-memory" pub struct MilliMemory {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::AMOUNT_HOLDERS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_AMOUNTS,
    variables: &[findings(
        "
        variables.amounts
          .map(pair, [pair[0], pair[1]
            .filter(r, r in ['memory', 'ephemeral-storage'] && pair[1][r].endsWith('m')
              && quantity(pair[1][r]).isGreaterThan(quantity('0'))
              && quantity(pair[1][r]).isLessThan(quantity('1Mi')))
            .map(r, r + ' `' + pair[1][r] + '`').join(' and ')])
          .filter(pair, pair[1] != '')
          .map(pair, pair[0] + ' ' + pair[1] + ', and `m` is thousandths of a byte')
        ",
    )],
};

impl Rule for MilliMemory {
    fn check(&self, cx: &mut Ctx<'_>) {
        for (object, resource, amount) in cx.cluster.amounts() {
            if !amount.is_milli_bytes(resource) {
                continue;
            }
            let text = amount.text();
            let meant = format!("{}Mi", text.trim_end_matches('m'));
            let message = format!("{resource} `{text}` is {}", amount.size(resource));
            cx.report(object, amount.place, message)
                .here("`m` is thousandths of a byte")
                .help(format!("write `{meant}` if you mean mebibytes"))
                .fix_unsafe(
                    format!("write `{meant}` (unsafe: each pod then counts with that much)"),
                    [edit::splice(amount.place, text.len().saturating_sub(1)..text.len(), "Mi")],
                );
        }
    }
}

cases! {
    requests_limits_and_storage: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    resources:\n      requests: {memory: '512m', ephemeral-storage: 100m, cpu: 500m}\n      limits: {memory: 1000m, cpu: 500m}\n"
        => ["8:26", "8:53", "9:24"],
    init_containers_and_the_pod: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          resources: {limits: {memory: 512m}}\n          initContainers: [{name: i, resources: {requests: {memory: 256m}}}]\n          containers: [{name: w}]\n"
        => ["9:40", "10:69"],
    limit_range: "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {memory: 512m, cpu: 100m}, max: {memory: 2Gi}}]}\n"
        => ["4:53"],
    other_suffixes: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: 512M, hugepages-2Mi: 4Mi}, limits: {memory: 0.5Gi}}}]}\n"
        => [],
    nothing_is_nothing: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: 0m}}}]}\n"
        => [],
    shared_by_an_anchor: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: one, resources: &small {limits: {memory: 64m}}}\n  - {name: two, resources: *small}\n"
        => ["6:53"],
}
