//! Closed choices of words.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::finding::nearest;
use crate::spec::decode::Text;
use crate::units::Invalid;

/// Declares a closed choice of words: an enum, its reader, and its schema with a line on each word.
macro_rules! choice {
    ($($(#[doc = $about:literal])* $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { #[default] $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// The word as it is written.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl Text for $name {
            const WANTED: &'static str = concat!("one of", $(" `", $word, "`"),*);

            fn parse(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Invalid::new(
                        format!("`{text}` is not a choice here"),
                        match nearest(text, [$($word),*].into_iter()) {
                            Some(near) => format!("did you mean `\"{near}\"`?"),
                            None => format!("write {}", Self::WANTED),
                        },
                    )),
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "oneOf": [
                    $({ "const": $word, "description": concat!($($doc, "\n"),*).trim() }),*
                ] })
            }

            fn inline_schema() -> bool {
                true
            }
        }
    )*};
}

choice! {
    /// What runs the pods.
    WorkloadKind {
        /// Interchangeable pods.
        Deployment = "deployment",
        /// Pods with stable names, behind a headless Service too.
        StatefulSet = "statefulset",
    }
    /// What the service speaks on its port.
    Protocol {
        /// HTTP: probes by path, errors by status.
        Http = "http",
        /// gRPC: probes by the gRPC health service, errors by code.
        Grpc = "grpc",
    }
    /// Kubernetes' image pull policies.
    PullPolicy {
        /// Only what the node lacks.
        IfNotPresent = "IfNotPresent",
        /// At every start.
        Always = "Always",
        /// Never.
        Never = "Never",
    }
    /// The transport of a port.
    Transport {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// SCTP.
        Sctp = "SCTP",
    }
    /// How bad the findings of a rule are.
    Gravity {
        /// Likely harm.
        Warning = "warning",
        /// Provably broken.
        Error = "error",
        /// Advice.
        Info = "info",
    }
    /// How Prometheus was installed: decides the labels by which it finds its objects.
    Stack {
        /// The Helm chart: selects by the label `release`.
        KubePrometheusStack = "kube-prometheus-stack",
        /// The jsonnet manifests: rules carry `prometheus: k8s` and `role: alert-rules`.
        KubePrometheus = "kube-prometheus",
        /// Anything that selects all objects.
        Plain = "plain",
    }
    /// What becomes of an application label that the operator sets too.
    LabelConflict {
        /// It arrives as `exported_<label>`, the operator's default.
        Exported = "exported",
        /// It is kept (`honorLabels: true`), and the operator's own is lost.
        Honor = "honor",
    }
    /// The transport of a scrape.
    Scheme {
        /// Plain HTTP.
        Http = "http",
        /// HTTPS.
        Https = "https",
    }
    /// What scales the service.
    Backend {
        /// A HorizontalPodAutoscaler on custom metrics.
        Hpa = "hpa",
        /// A KEDA ScaledObject.
        Keda = "keda",
    }
    /// Which of several scaling policies counts.
    Select {
        /// The one that changes most.
        Max = "max",
        /// The one that changes least.
        Min = "min",
        /// None: no scaling in this direction.
        Disabled = "disabled",
    }
    /// A target that the autoscaler may follow.
    Signal {
        /// Every latency percentile.
        Latency = "latency",
        /// Requests in flight per pod.
        InFlight = "in_flight",
        /// CPU utilisation of the request.
        Cpu = "cpu",
        /// Queue lag and other work that waits (backend `keda`).
        Saturation = "saturation",
    }
    /// What pods are spread over.
    Spread {
        /// Availability zones.
        Zone = "zone",
        /// Nodes.
        Node = "node",
    }
    /// How much pods of the service keep away from each other on nodes.
    AntiAffinity {
        /// Where it can be had.
        Preferred = "preferred",
        /// Always: a pod without a node of its own stays pending.
        Required = "required",
        /// Not at all.
        Off = "off",
    }
    /// A container's system call filter.
    Seccomp {
        /// The container runtime's own.
        RuntimeDefault = "RuntimeDefault",
        /// None.
        Unconfined = "Unconfined",
    }
    /// Who a tolerated taint drives away.
    TaintEffect {
        /// New pods.
        NoSchedule = "NoSchedule",
        /// New pods, if another node can be had.
        PreferNoSchedule = "PreferNoSchedule",
        /// Running pods too.
        NoExecute = "NoExecute",
    }
    /// What replaces a metric that KEDA cannot read.
    Fallback {
        /// The written number of replicas.
        Static = "static",
        /// The current number.
        CurrentReplicas = "currentReplicas",
        /// The current number, if it is higher than the written one.
        CurrentReplicasIfHigher = "currentReplicasIfHigher",
        /// The current number, if it is lower than the written one.
        CurrentReplicasIfLower = "currentReplicasIfLower",
        /// What the formula of `modifiers` makes of missing values, with `??` (KEDA 2.20 and later).
        ScalingModifiers = "scalingModifiers",
    }
    /// How a metric is compared with its threshold.
    MetricType {
        /// A total over the fleet, divided by the replicas.
        AverageValue = "AverageValue",
        /// As it is.
        Value = "Value",
        /// In percent of the request (cpu and memory).
        Utilization = "Utilization",
    }
}
