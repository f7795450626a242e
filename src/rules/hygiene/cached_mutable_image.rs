use crate::rules::prelude::*;

declare_rule! {
    /// A node may run an older build of an image than the registry has.
    ///
    /// ## Why
    /// A tag can be moved. A node that has pulled it keeps what it has, and a new node pulls what is there now, so that
    /// one fleet runs two builds of one tag (zegl/kube-score#48). A digest cannot be moved. Unset, `imagePullPolicy` is
    /// `Always` for `latest` and for no tag, else `IfNotPresent`.
    ///
    /// ## Peers
    /// kube-score, polaris and checkov want `imagePullPolicy: Always` for every container. slogen asks only those
    /// who turn this rule on, and never where there is a digest: what cannot be moved need not be pulled again, and
    /// with `Always` no pod starts while the registry is down.
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
    ///         imagePullPolicy: Always
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
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
    ///         image: shop@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "hygiene/cached-mutable-image" pub struct CachedMutableImage {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_ALL_CONTAINERS,
    variables: &[findings("
        variables.allContainers
          .filter(c, has(c.image) && c.image.matches('^[A-Za-z0-9._/:-]+$') && !c.image.contains('://')
            && c.image != 'auto' && (has(c.imagePullPolicy) ? c.imagePullPolicy in ['IfNotPresent', 'Never']
              : c.image.matches(':[^/]*$') && !c.image.matches('(^|/)[^/:]*:latest$')))
          .map(c, 'image `' + c.image + '` is not always pulled, and its tag can be moved')
        ")],
};

impl Rule for CachedMutableImage {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in workload.every_container() {
                let policy = container.place.get("imagePullPolicy");
                if let Some(image) = container.place.get("image")
                    && let Some(text) = image.text().filter(|text| is_mutable(text))
                    && let Some(effective) = effective(policy, text)
                {
                    let message = format!("image `{text}` {effective}, and its tag can be moved");
                    cx.report(workload, policy.unwrap_or(image), message)
                        .here("nodes keep what they have")
                        .help("pin `image` to a digest, or set `imagePullPolicy: Always`");
                }
            }
        }
    }
}

/// True for what is an image, and has no digest.
fn is_mutable(image: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
    !image.is_empty() && image.bytes().all(legal) && !image.contains("://") && image != "auto"
}

/// When the image is pulled, unless always or nobody knows.
fn effective(policy: Option<Place<'_>>, image: &str) -> Option<&'static str> {
    match policy.map(Place::text) {
        Some(Some("IfNotPresent")) => Some("is pulled only if it is not present"),
        Some(Some("Never")) => Some("is never pulled"),
        Some(_) => None,
        None => {
            let name = image.rsplit('/').next().unwrap_or(image);
            let fixed = name.split_once(':').is_some_and(|(_, tag)| tag != "latest");
            fixed.then_some("is pulled only if it is not present")
        }
    }
}

cases! {
    policies: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'a:1'}]\n  containers:\n  - {name: a, image: 'h:5000/a:1', imagePullPolicy: IfNotPresent}\n  - {name: b, image: 'a:latest'}\n  - {name: c, image: h:5000/a}\n  - {name: d, image: 'a:latest', imagePullPolicy: Never}\n  - {name: e, image: 'a:1', imagePullPolicy: Always}\n  - {name: f, image: 'a:1@sha256:00'}\n  - {name: g, image: '${IMAGE}'}\n  - {name: h, image: 'a:1', imagePullPolicy: '${P}'}\n"
        => ["5:37", "7:53", "10:51"],
}
