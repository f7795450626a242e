//! The shape of slo.toml: every key, its type and what it means.
//!
//! The doc comments are the descriptions in `schemas/slo.schema.json`; defaults stand in `profiles/base.toml`,
//! or, where they depend on other values, in the doc comment.

use crate::units::{Bytes, Cpu, Duration, Ratio};

mod env;

pub use env::{EnvRef, EnvValue};

use super::decode::{Any, List, Map, table};
use super::leaf::{
    AbsolutePath, Amount, AntiAffinity, Backend, Fallback, Image, KedaVersion, Label,
    LabelConflict, LabelValue, Metric, MetricType, Number, Percentile, Policy, Port, PortName,
    PortRef, Protocol, PullPolicy, Regex, Scheme, Seccomp, Seconds, Select, ServiceName, Signal,
    Spread, Stack, Subdomain, Switch, TaintEffect, Transport, Url, WorkloadKind,
};
use super::lint::Lint;

table! {
    /// A service: its targets, metrics, resources, probes and scaling.
    Document {
        /// Profile that gives the defaults: one of `slogen profile list`, or a path to a file of your own.
        /// Default: `base`.
        opt profile: String;
        /// Profile that this profile builds on. Default: `base`.
        opt extends: String;
        /// What runs, and under which name. `name` and `image` are required.
        section service: Service;
        /// What "good" means for this service.
        section targets: Targets;
        /// Where the service's own metrics are, and how Prometheus finds them.
        section metrics: Metrics;
        /// What the service's container asks for, and what it may use at the most.
        section resources: Resources;
        /// How Kubernetes learns that the container started, can serve, and lives.
        section probes: Probes;
        /// How many pods run, and what changes their number.
        section scaling: Scaling;
        /// How the service survives drains, lost nodes and lost zones.
        section availability: Availability;
        /// Which alerts are emitted, and how they are labelled.
        section alerts: Alerts;
        /// Which optional objects are emitted.
        section outputs: Outputs;
        /// The service as the simulator sees it.
        section simulate: Simulate;
        /// Settings of `slogen lint` for manifests beside this file.
        section lint: Lint;
        /// Last resort: changes to the finished objects, in the order written.
        opt patch: List<Patch>;
        /// Overlays: any section again, laid over the rest by `--env NAME`.
        opt env: Map<Any>;
    }

    /// What runs, and under which name.
    Service [section] {
        /// Name of the workload and of its Service, and the stem of every derived name. Required.
        /// A DNS-1035 label of at most 63 characters (52 for a StatefulSet, 45 with backend `keda`).
        given name: ServiceName;
        /// Namespace of every object.
        given namespace: Label;
        /// Container image with tag or digest. Required.
        given image: Image;
        /// The container port that serves; it is named `http` and is the Service's port too.
        given port: Port;
        /// What the port speaks: decides the default probes, metric names and error matcher.
        given protocol: Protocol;
        /// What runs the pods.
        given workload: WorkloadKind;
        /// Value of the label `app.kubernetes.io/part-of`. Default: the name.
        opt part_of: LabelValue;
        /// More labels for every object and pod.
        opt labels: Map<LabelValue>;
        /// Annotations for the workload and its pods.
        opt annotations: Map<String>;
        /// The container's entry point. Default: the image's.
        opt command: List<String>;
        /// The container's arguments. Default: the image's.
        opt args: List<String>;
        /// Environment variables, in the order written: strings, or tables that name a source.
        opt env: Map<EnvValue>;
        /// ConfigMaps and Secrets whose keys all become environment variables.
        opt env_from: List<EnvSource>;
        /// ServiceAccount of the pods. Default: the namespace's `default`, or the name with `outputs.service_account`.
        opt service_account: Subdomain;
        /// Secrets that hold registry credentials.
        opt image_pull_secrets: List<Subdomain>;
        /// When nodes pull the image. Default: Kubernetes' own (`Always` for the tag `latest`, else `IfNotPresent`).
        opt image_pull_policy: PullPolicy;
        /// Node labels that pods need.
        opt node_selector: Map<LabelValue>;
        /// Taints that pods tolerate.
        opt tolerations: List<Toleration>;
        /// PriorityClass of the pods.
        opt priority_class: Subdomain;
        /// Security context of pods and container, hardened by default.
        section security: Security;
        /// Volumes and where they are mounted.
        opt volumes: List<Volume>;
        /// More named ports, of the container and of the Service.
        opt ports: List<NamedPort>;
    }

    /// A set of variables from one object.
    EnvSource {
        /// Name of a Secret.
        opt secret: Subdomain;
        /// Name of a ConfigMap.
        opt config_map: Subdomain;
        /// Put before every key.
        opt prefix: String;
    }

    /// A taint that pods tolerate.
    Toleration {
        /// Key of the taint. Default: every taint.
        opt key: String;
        /// Value of the taint. Default: any value.
        opt value: LabelValue;
        /// Effect of the taint. Default: every effect.
        opt effect: TaintEffect;
        /// How long a pod stays beside a `NoExecute` taint. Default: for good.
        opt seconds: Seconds;
    }

    /// Security context of pods and container.
    Security {
        /// Refuse to start as root.
        given run_as_non_root: bool;
        /// User id of the process. Default: the image's.
        opt run_as_user: u32;
        /// Group id of the process. Default: the image's.
        opt run_as_group: u32;
        /// Group that owns the volumes.
        opt fs_group: u32;
        /// Mount the root file system read-only; `/tmp` stays writable through an emptyDir.
        given read_only_root_filesystem: bool;
        /// Let the process gain more rights than its parent.
        given allow_privilege_escalation: bool;
        /// Capabilities to add.
        given add_capabilities: List<String>;
        /// Capabilities to drop.
        given drop_capabilities: List<String>;
        /// System call filter.
        given seccomp: Seccomp;
    }

    /// A volume with exactly one source, and where it is mounted.
    Volume {
        /// Name of the volume.
        must name: Label;
        /// Where the container sees it.
        must mount: AbsolutePath;
        /// Space that lives as long as the pod.
        maybe empty_dir: EmptyDir;
        /// Name of a ConfigMap.
        opt config_map: Subdomain;
        /// Name of a Secret.
        opt secret: Subdomain;
        /// Name of a PersistentVolumeClaim.
        opt pvc: Subdomain;
        /// Mount one file or folder of the volume only.
        opt sub_path: String;
        /// Mount it read-only.
        opt read_only: bool;
    }

    /// Space that lives as long as the pod.
    EmptyDir {
        /// Keep it in memory; it then counts as the container's memory.
        opt memory: bool;
        /// Evict the pod above this size.
        opt size_limit: Bytes;
    }

    /// A named port.
    NamedPort {
        /// Name of the port.
        must name: PortName;
        /// Number of the port.
        must port: Port;
        /// Transport. Default: TCP.
        opt protocol: Transport;
    }

    /// What "good" means.
    Targets [section] {
        /// Length of the error-budget window.
        given window: Duration;
        /// Latency: one entry a percentile.
        opt latency: List<LatencyTarget>;
        /// Share of requests that may fail.
        maybe errors: ErrorTarget;
        /// Requests in flight per pod.
        maybe in_flight: InFlightTarget;
        /// CPU use, a backstop.
        maybe cpu: CpuTarget;
        /// Work that waits, such as queue lag (backend `keda`).
        maybe saturation: SaturationTarget;
    }

    /// A percentile of the latency and the bound that it stays below.
    LatencyTarget {
        /// The percentile, such as 95 or 99.9: so many percent of the requests are faster than the bound.
        must percentile: Percentile;
        /// The bound.
        must below: Duration;
    }

    /// Share of requests that may fail.
    ErrorTarget {
        /// The share stays below this; the error budget.
        given below: Ratio;
    }

    /// Requests in flight.
    InFlightTarget {
        /// Mean number per pod that the autoscaler holds.
        given per_pod: Number;
    }

    /// CPU use.
    CpuTarget {
        /// Share of the CPU request that is in use.
        given utilization: Ratio;
    }

    /// Work that waits.
    SaturationTarget {
        /// PromQL that gives one number for the whole fleet.
        opt query: String;
        /// The share of that number that one pod works off.
        given per_pod: Number;
    }

    /// Where the service's own metrics are.
    Metrics [section] {
        /// Path of the scrape.
        given path: AbsolutePath;
        /// Name of the port that is scraped: `http` or one of `service.ports`.
        given port: PortName;
        /// Transport of the scrape.
        given scheme: Scheme;
        /// Time between scrapes.
        given interval: Duration;
        /// How long a scrape may take. Default: 10s, or the interval where that is shorter.
        opt scrape_timeout: Duration;
        /// Counter of requests. Default: `http_requests_total`, or `grpc_server_handled_total` for gRPC.
        opt requests: Metric;
        /// Histogram of latencies in seconds, without `_bucket`.
        /// Default: `http_request_duration_seconds`, or `grpc_server_handling_seconds` for gRPC.
        opt latency: Metric;
        /// Gauge of requests in flight. Default: `http_requests_in_flight`, or `grpc_server_in_flight` for gRPC.
        opt in_flight: Metric;
        /// Labels that single out the requests that count, as the application exports them.
        opt selector: Map<String>;
        /// Labels and regular expressions that together mark a failed request: all of them must match.
        /// Default: `{ status = "5.." }`, or gRPC's server-side codes in `grpc_code`.
        opt errors: Map<Regex>;
        /// Upper bounds of the histogram's buckets in seconds; every latency target must be one of them.
        opt buckets: List<Number>;
        /// The latency histogram is a native one, without buckets of its own.
        given native_histograms: bool;
        /// How Prometheus was installed.
        given stack: Stack;
        /// Release name of the Helm chart: the label by which it selects its objects.
        given release: LabelValue;
        /// Namespace that Prometheus scrapes from.
        given monitoring_namespace: Label;
        /// Where prometheus-adapter finds Prometheus.
        /// Default: the Service that `stack` has in `monitoring_namespace`, port 9090.
        opt prometheus_url: Url;
        /// Major version of Prometheus: 2 or 3 (decides how `le` is written).
        given prometheus: u16;
        /// Range of rates in queries. Default: 4 × interval, at least 1m.
        opt rate_window: Duration;
        /// How long Prometheus keeps samples.
        opt retention: Duration;
        /// What becomes of an application label that the operator sets too.
        given on_label_conflict: LabelConflict;
    }

    /// Requests and limits of the container.
    Resources [section] {
        /// What the scheduler reserves.
        section requests: Amounts;
        /// What the container may use at the most.
        section limits: Amounts;
        /// CPU that the container uses while it starts, for `--why` and the simulator.
        opt startup_cpu: Cpu;
    }

    /// Amounts of resources.
    Amounts {
        /// CPU.
        opt cpu: Cpu;
        /// Memory.
        opt memory: Bytes;
        /// Scratch space on the node.
        opt ephemeral_storage ("ephemeral-storage"): Bytes;
    }

    /// The three probes.
    Probes [section] {
        /// How long start-up takes; the startup probe's budget must cover it.
        opt model_load: Duration;
        /// Holds the other two back until the container has started.
        section startup: Probe;
        /// Decides whether the pod gets requests.
        section readiness: Probe;
        /// Restarts the container when it fails.
        section liveness: Probe;
    }

    /// A probe with at most one handler: `path`, `tcp`, `grpc` or `exec`.
    Probe {
        /// GET this path. Default for protocol `http`: `/ready` for readiness, else `/healthz`.
        opt path: AbsolutePath;
        /// Open a connection.
        opt tcp: bool;
        /// Ask the gRPC health service, optionally for the named service. Default for protocol `grpc`.
        opt grpc: Switch;
        /// Run a command in the container.
        opt exec: List<String>;
        /// Port to ask. Default: the service's.
        opt port: PortRef;
        /// Time between two tries.
        given period: Seconds;
        /// Time for an answer. Default: 2s, or the largest latency target rounded up, within the period.
        opt timeout: Seconds;
        /// Failures in a row that count.
        given failures: u16;
        /// Successes in a row that count (readiness only). Default: 1.
        opt successes: u16;
        /// Time before the first try. Default: none.
        opt initial_delay: Seconds;
    }

    /// How many pods run.
    Scaling [section] {
        /// What scales the service.
        given backend: Backend;
        /// Fixed number of pods, without an autoscaler.
        opt replicas: i32;
        /// Fewest pods.
        given min: i32;
        /// Most pods.
        given max: i32;
        /// Targets that the autoscaler follows, in this order; the one that wants most pods wins.
        given scale_on: List<Signal>;
        /// Scale at target × (1 − headroom).
        given headroom: Ratio;
        /// Scale at these values instead of target and headroom.
        section scale_at: ScaleAt;
        /// Deviation from a target that changes nothing (Kubernetes 1.35 and later). Default: the controller's 10 %.
        opt tolerance: Ratio;
        /// Growing.
        section up: Direction;
        /// Shrinking.
        section down: Direction;
        /// How a new version replaces the old one.
        section rollout: Rollout;
        /// Backend `keda` only.
        section keda: Keda;
    }

    /// Values at which to scale.
    ScaleAt {
        /// Latency.
        opt latency: Duration;
        /// Requests in flight per pod.
        opt in_flight: Number;
        /// CPU utilisation.
        opt cpu: Ratio;
    }

    /// One direction of scaling.
    Direction {
        /// The most cautious proposal of this long counts, at most 1h.
        given stabilization: Seconds;
        /// So much per period: `"2 pods / 30s"`, `"50% / 30s"`.
        given policies: List<Policy>;
        /// Which policy counts.
        given select: Select;
    }

    /// How a new version replaces the old one (Deployments).
    Rollout {
        /// Pods above the wanted number.
        given max_surge: Amount;
        /// Pods below the wanted number.
        given max_unavailable: Amount;
    }

    /// Settings of KEDA.
    Keda {
        /// Version in the cluster, 2.14 or later.
        given version: KedaVersion;
        /// Address of Prometheus.
        given server: String;
        /// Credentials for Prometheus.
        maybe auth: KedaAuth;
        /// What to do when a metric cannot be read. Left out where the version would reject it.
        section fallback: KedaFallback;
        /// Time between looks at the triggers while nothing runs, where the fleet scales to zero. Default: 30s.
        opt polling: Seconds;
        /// Time without work before the last pod goes, where the fleet scales to zero. Default: 5m.
        opt cooldown: Seconds;
        /// Pods while no trigger is active, instead of `scaling.min`; only 0 is of use.
        opt idle: i32;
        /// Further triggers, such as kafka, cron, or any PromQL.
        opt triggers: List<KedaTrigger>;
        /// One metric in place of those of all triggers but cpu and memory.
        maybe modifiers: KedaModifiers;
    }

    /// Credentials for Prometheus: `bearer_token`, or `username` and `password`.
    KedaAuth {
        /// Name of the Secret that holds them.
        must secret: Subdomain;
        /// Key with a bearer token.
        opt bearer_token: String;
        /// Key with the user name.
        opt username: String;
        /// Key with the password.
        opt password: String;
    }

    /// What to do when a metric cannot be read.
    KedaFallback {
        /// Failures in a row that count.
        given failures: u16;
        /// Pods to run then. Default: `scaling.min`.
        opt replicas: i32;
        /// How that number is taken.
        given behavior: Fallback;
    }

    /// A trigger of KEDA.
    KedaTrigger {
        /// Kind of the trigger: `kafka`, `cron`, `prometheus` …
        must r#type ("type"): String;
        /// Name, for formulas; those of targets are `latency_p95`, `in_flight` and `saturation`.
        opt name: String;
        /// How the metric is compared with its threshold. Default: `AverageValue`.
        opt metric_type: MetricType;
        /// The trigger's own settings; KEDA takes strings. Defaults for `prometheus`: `serverAddress` is
        /// `scaling.keda.server`, `ignoreNullValues` is `"false"`; for kafka, `lagThreshold` is `targets.saturation.per_pod`.
        must metadata: Map<String>;
        /// Name of a TriggerAuthentication.
        opt authentication: Subdomain;
    }

    /// One metric computed from those of all triggers but cpu and memory.
    KedaModifiers {
        /// The computation, over the names of triggers: `"kafka_lag + 2 * retries"`.
        must formula: String;
        /// What the result is compared with; with a fallback, a whole number.
        must target: Number;
        /// How the result is compared. Default: `AverageValue`.
        opt metric_type: MetricType;
    }

    /// How the service survives.
    Availability [section] {
        /// Bound of the PodDisruptionBudget.
        section pdb: Pdb;
        /// What pods are spread over, as far as it can be had.
        given spread: List<Spread>;
        /// How much pods keep away from each other on nodes.
        given anti_affinity: AntiAffinity;
        /// Time between SIGTERM's announcement and SIGKILL. Default: drain + 30s or 2 × the largest latency target.
        opt termination_grace: Seconds;
        /// Time to go on serving after the pod left the endpoints (preStop sleep).
        given drain: Seconds;
    }

    /// Bound of the PodDisruptionBudget: one of the two.
    Pdb {
        /// Pods that may be gone.
        opt max_unavailable: Amount;
        /// Pods that must stay.
        opt min_available: Amount;
    }

    /// Alerts.
    Alerts [section] {
        /// Label `severity` of alerts that wake someone.
        given severity_page: LabelValue;
        /// Label `severity` of alerts that can wait for the morning.
        given severity_ticket: LabelValue;
        /// Address of the runbook; alerts add `#<alert name>`.
        opt runbook_url: String;
        /// More labels for every alert.
        opt labels: Map<String>;
        /// Alerts on the thresholds themselves.
        given symptom: bool;
        /// Multi-window burn-rate alerts.
        given burn_rate: bool;
        /// Alerts on metrics that are gone.
        given absent: bool;
        /// Alert on a fleet that cannot grow any more.
        given capacity: bool;
        /// How long a condition must hold.
        section r#for ("for"): AlertFor;
        /// Burn-rate tiers, in place of the four standard ones.
        opt tiers: List<Tier>;
        /// Requests per second to expect, for the check that one failure pages nobody.
        opt expected_rps: Number;
    }

    /// How long a condition must hold before its alert fires.
    AlertFor {
        /// Latency above its target.
        given latency: Duration;
        /// Errors above their target.
        given errors: Duration;
        /// At most replicas. Default: scale-up window + 2 × the longest scale-up period.
        opt capacity: Duration;
        /// Metrics gone. Default: start-up budget + two scrapes.
        opt absent: Duration;
    }

    /// A burn-rate tier: a pair of windows with a factor.
    Tier {
        /// Label `tier` of its alerts.
        must name: LabelValue;
        /// Short window: how fast the alert ends.
        must short: Duration;
        /// Long window: how much must have burnt.
        must long: Duration;
        /// Burn rate that fires; factor × budget must stay below 1.
        must factor: Number;
        /// `page` or `ticket`, or any other severity. Default: `page`.
        opt severity: LabelValue;
        /// How long both windows must burn. Default: none.
        opt r#for ("for"): Duration;
    }

    /// Optional objects.
    Outputs [section] {
        /// The Service (without it, a PodMonitor scrapes the pods).
        given service: bool;
        /// A ServiceAccount of its own.
        given service_account: bool;
        /// The PodDisruptionBudget.
        given pdb: bool;
        /// A NetworkPolicy: only the declared ports, and scrapes from `metrics.monitoring_namespace`.
        given network_policy: bool;
        /// The Grafana dashboard, as ConfigMap.
        given dashboard: bool;
        /// The rules of prometheus-adapter for this service, as ConfigMap, and with `--out-dir` as Helm values.
        given adapter: bool;
        /// The runbook, with `--out-dir`.
        given runbook: bool;
        /// promtool tests of the rules, with `--out-dir`.
        given rule_tests: bool;
    }

    /// The service as the simulator sees it.
    Simulate [section] {
        /// Mean time that a request keeps a server busy.
        opt service_time: Duration;
        /// Part of the latency that does not grow with load.
        opt floor: Duration;
        /// How much that part varies: its standard deviation by its mean.
        opt floor_variation: Number;
        /// Requests that one pod works on at once.
        opt concurrency: u32;
        /// CPU time of one request.
        opt cpu_per_request: Duration;
        /// Time from creation to readiness of a pod.
        opt startup: Duration;
        /// Pause of a user between two requests (closed loop).
        opt think_time: Duration;
        /// How long clients wait for an answer before they give up (open loop). Default: for ever.
        opt client_timeout: Duration;
        /// Price of one pod for one hour.
        opt cost_per_pod_hour: Number;
    }

    /// A change to finished objects; a patch that matches nothing is an error.
    Patch {
        /// Which objects.
        part target: PatchTarget;
        /// RFC 6902 operations.
        opt ops: List<Any>;
        /// RFC 7396 merge.
        opt merge: Any;
    }

    /// Which objects a patch changes.
    PatchTarget {
        /// Kind of the object.
        must kind: String;
        /// Name of the object. Default: every object of the kind.
        opt name: String;
    }
}
