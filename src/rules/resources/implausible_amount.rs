use crate::rules::prelude::*;

declare_rule! {
    /// An amount of CPU or memory looks like another unit was meant.
    ///
    /// ## Why
    /// `memory: 512` is 512 bytes: a request of next to nothing, or a limit that no container starts in. `cpu: 500` is
    /// 500 cores, which no node has, so the pod stays Pending. Reported are memory below 1Mi or above 1Ti, and CPU from
    /// 64 cores on without a suffix. A deliberate 64 cores can be written `64000m`.
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
    ///           requests: { cpu: 500, memory: 512 }
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
    ///           requests: { cpu: 500m, memory: 536870912 }
    ///           limits: { cpu: 64000m, memory: 1Ti }
    /// ```
    "resources/implausible-amount" pub struct ImplausibleAmount {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
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
        // Thousandths of a byte are for resources/milli-memory.
        variables.amounts
          .map(pair, [pair[0], pair[1]
            .filter(r,
              r == 'cpu' ? pair[1][r].matches('^[0-9.]+$')
                && !quantity(pair[1][r]).isLessThan(quantity('64'))
              : r == 'memory' && quantity(pair[1][r]).isGreaterThan(quantity('0'))
                && (quantity(pair[1][r]).isGreaterThan(quantity('1Ti'))
                  || quantity(pair[1][r]).isLessThan(quantity('1Mi')) && !pair[1][r].endsWith('m')))
            .map(r, r + ' `' + pair[1][r] + '`').join(' and ')])
          .filter(pair, pair[1] != '')
          .map(pair, pair[0] + ' ' + pair[1] + ', which looks like another unit')
        ",
    )],
};

impl Rule for ImplausibleAmount {
    fn check(&self, cx: &mut Ctx<'_>) {
        let milli_is_told = cx.runs("resources/milli-memory");
        for (object, resource, amount) in cx.cluster.amounts() {
            if milli_is_told && amount.is_milli_bytes(resource) {
                continue;
            }
            if let Some((what, help)) = doubt(resource, &amount) {
                let message = format!("{resource} `{}` is {what}", amount.text());
                cx.report(object, amount.place, message).here("looks like another unit").help(help);
            }
        }
    }
}

/// What is odd about an amount, and what to write. Zero is the same in all units, and what is below is refused.
fn doubt(resource: &str, amount: &Amount<'_>) -> Option<(String, String)> {
    let value = amount.value.filter(|value| *value > Decimal::ZERO)?;
    let text = amount.text();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bare = plain && number == text;
    let size = amount.size(resource);
    match resource {
        "cpu" if bare && value >= Decimal::from(64) => {
            Some((size, format!("write `{text}m` if you mean thousandths of a core")))
        }
        "memory" if value < Decimal::from(1_u64 << 20) => {
            let number = if plain { number } else { "512" };
            Some((size, format!("write the unit, such as in `{number}Mi`")))
        }
        "memory" if value > Decimal::from(1_u64 << 40) => {
            let what = format!("{size}, more than 1 TiB");
            Some((what, "check the suffix: `Mi` and `Gi` are the usual ones".to_owned()))
        }
        _ => None,
    }
}

cases! {
    memory: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, resources: {requests: {memory: 128}, limits: {memory: 512k}}}\n  - {name: b, resources: {requests: {memory: 1Mi}, limits: {memory: 1025Gi}}}\n  - {name: c, resources: {requests: {memory: 1048575}, limits: {memory: 2048Ki}}}\n"
        => ["6:46", "6:69", "7:69", "8:46"],
    cpu: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, resources: {requests: {cpu: '500'}, limits: {cpu: 1000}}}\n  - {name: b, resources: {requests: {cpu: 63.5}, limits: {cpu: 64.0}}}\n  - {name: c, resources: {requests: {cpu: 96000m}, limits: {cpu: 1k}}}\n"
        => ["6:43", "6:65", "7:64"],
    zero_and_less: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: 0, cpu: 0}, limits: {memory: -1}}}]}\n"
        => [],
    other_resources: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {limits: {nvidia.com/gpu: 128, ephemeral-storage: 2Ti, hugepages-2Mi: 4Mi}}}]}\n"
        => [],
    unreadable: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {limits: {memory: '{{ .Values.memory }}', cpu: 500x}}}]}\n"
        => [],
    init_containers_the_pod_and_ranges: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  resources: {requests: {cpu: 250}}\n  initContainers: [{name: i, resources: {limits: {memory: 64}}}]\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, defaultRequest: {memory: 256}}]}\n"
        => ["5:31", "6:59", "11:60"],
}
