use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// An image has no fixed version: no tag and no digest, or the tag `latest`.
    ///
    /// ## Why
    /// Nobody can say what runs. Two pods of one rollout run different builds, and `kubectl rollout undo` brings back
    /// the manifest but not the image, so the rollback that was to end the incident runs the broken build again
    /// (FairwindsOps/polaris#1058). No tag means `latest`; the colon of `host:5000/app` is that of a port. Images that
    /// a Kustomization of the input gives a tag or digest are left alone.
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
    ///         image: registry.example.com:5000/team/shop
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///       - name: proxy
    ///         image: proxy:latest
    ///         resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 64Mi } }
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
    ///         image: registry.example.com:5000/team/shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///       - name: proxy
    ///         image: proxy@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ///         resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 64Mi } }
    /// ```
    "hygiene/floating-image" pub struct FloatingImage {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_ALL_CONTAINERS,
    variables: &[findings(
        "
        variables.allContainers
          .filter(c, has(c.image) && !(c.image in ['', 'auto']) && !c.image.contains('://')
            // No tag behind the last slash, or `latest`; a digest has an @.
            && c.image.matches('^([A-Za-z0-9._:-]*/)*[A-Za-z0-9._-]*(:latest)?$'))
          .map(c, 'image `' + c.image + '` of container `' + c.name + '` has no fixed version')
        ",
    )],
};

impl Rule for FloatingImage {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let pinned = pinned_elsewhere(cluster);
        for workload in cluster.workloads().iter().filter(|workload| !workload.borrows_template()) {
            for container in workload.containers.iter().chain(&workload.init_containers) {
                if let Some(place) = container.place.get("image")
                    && let Some(text) = place.text()
                    && let Some((name, tag)) = floating(text)
                    && !pinned.contains(name)
                {
                    let message = match tag {
                        Some(tag) => {
                            format!("image `{text}` is whatever `{tag}` was moved to last")
                        }
                        None => {
                            format!("image `{text}` has no tag and no digest, which is `latest`")
                        }
                    };
                    cx.report(workload, place, message)
                        .here("another build tomorrow")
                        .help("pin `image` to the tag of a release or to a digest");
                }
            }
        }
    }
}

/// The name and tag of an image that has no fixed version. `None` for what has one, and for what is no image: the
/// placeholders of templates, `ko://…`, and Istio's `auto`.
fn floating(image: &str) -> Option<(&str, Option<&str>)> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
    let readable = image.bytes().all(legal) && !image.contains("://") && image != "auto";
    if !readable || image.is_empty() {
        return None;
    }
    let path = image.rfind('/').map_or(0, |slash| slash + 1);
    match image.get(path..)?.split_once(':') {
        None => Some((image, None)),
        Some((base, "latest")) => Some((image.get(..path + base.len())?, Some("latest"))),
        Some(_) => None,
    }
}

/// The names of the images that Kustomizations of the input give a tag or a digest.
fn pinned_elsewhere<'a>(cluster: &Cluster<'a>) -> FxHashSet<&'a str> {
    let files = cluster.inputs.iter().flat_map(|input| input.stream.documents());
    let lists = files.filter_map(|root| root.get("images").filter(|images| images.is_sequence()));
    let pinned = lists.flat_map(Place::items).filter(|image| {
        image.get("digest").is_some() || image.text_of("newTag").is_some_and(|tag| tag != "latest")
    });
    pinned.filter_map(|image| image.text_of("name")).collect()
}

cases! {
    names: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: app}\n  - {name: b, image: 'host:5000/app'}\n  - {name: c, image: 'host:5000/app:latest'}\n  - {name: d, image: host/team/app:v1}\n  - {name: e, image: 'app:latest@sha256:0123'}\n  - {name: f, image: 'host:5000/app@sha256:0123'}\n  - {name: g, image: app:latest-slim}\n  - {name: h, image: 'localhost/app:'}\n"
        => ["6:22", "7:22", "8:22"],
    init_containers_too: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          initContainers:\n          - {name: i, image: busybox}\n          - {name: s, image: proxy, restartPolicy: Always}\n          containers: [{name: a, image: app:1}]\n"
        => ["10:30", "11:30"],
    not_known: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a}\n  - {name: b, image: ''}\n  - {name: c, image: '{{ .Values.image }}'}\n  - {name: d, image: $(IMAGE)}\n  - {name: e, image: 'ko://example.com/cmd/app'}\n  - {name: f, image: auto}\n  - {name: g, image: '${REGISTRY}/app'}\n"
        => [],
    kustomized: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: app}, {name: b, image: 'other:latest'}, {name: c, image: third}]}\n# file: kustomization.yaml\nresources: [pod.yaml]\nimages:\n- {name: app, newTag: '1.2'}\n- {name: other, digest: 'sha256:0123'}\n- {name: third, newName: registry/third}\n"
        => ["4:95"],
    rollout_with_a_borrowed_template: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, image: app}]}}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => ["4:56"],
}
