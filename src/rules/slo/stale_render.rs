use crate::rules::prelude::*;

declare_rule! {
    /// A rendered workload comes from another text of slo.toml than there is now.
    ///
    /// ## Why
    /// `slogen render` writes into the workload which slo.toml it was made from: the annotation
    /// `slogen.dev/source-sha256` is the SHA-256 of the file. Where the file was changed since, the manifests in the
    /// repository are not what it says: targets, alerts and scaling that a reviewer reads in slo.toml are not what runs.
    /// The digest is compared for both kinds of line ends, which Git may change at checkout.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: shop
    ///   namespace: prod
    ///   annotations:
    ///     slogen.dev/source-sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata:
    ///   name: shop
    ///   namespace: prod
    ///   annotations:
    ///     slogen.dev/source-sha256: 6bba03f6ff63c052a44c2eeea06cc6b89b373f984389dceb72600d9f1afdac78
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    "slo/stale-render" pub struct StaleRender {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the slo.toml of the service"),
}

/// What `slogen render` writes.
const ANNOTATION: &str = "slogen.dev/source-sha256";

impl Rule for StaleRender {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|it| it.slo.is_some()) {
            let written = workload.at("metadata/annotations").and_then(|it| it.get(ANNOTATION));
            let Some(written) = written else { continue };
            let Some(digest) = written.text().filter(|it| is_digest(it)) else { continue };
            if cluster.described(workload).is_empty() {
                continue;
            }
            let digests = workload.slo.and_then(|index| Some(&cluster.slo.get(index)?.digests));
            if digests.is_none_or(|known| known.is_empty() || known.iter().any(|it| it == digest)) {
                continue;
            }
            let title = workload.title();
            cx.report(
                workload,
                written,
                format!("{title} is rendered from another text of slo.toml"),
            )
            .here("not the digest of slo.toml")
            .help("run `slogen render` again, and commit what it writes");
        }
    }
}

/// False for placeholders and for what was cut.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

cases! {
    of_another_service: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: n, annotations: {slogen.dev/source-sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: m, annotations: {slogen.dev/source-sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
    a_stateful_set_of_an_overlay: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: staging, annotations: {slogen.dev/source-sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[env.staging.service]\nnamespace = \"staging\"\n"
        => ["3:81"],
    no_digest: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n, annotations: {slogen.dev/source-sha256: '{{ .Values.digest }}'}}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
}
