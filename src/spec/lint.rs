//! `[lint]`: settings of `slogen lint`, and rules that users write.

use super::decode::{Any, List, Map, table};
use super::leaf::{Gravity, Label, LabelValue, OneOrMany, Stack};

table! {
    /// Settings of `slogen lint`.
    Lint [section] {
        /// Presets: `recommended`, `strict`, `security`.
        opt extends: OneOrMany;
        /// The input is all there is: what it does not hold does not exist.
        opt closed_world: bool;
        /// Kubernetes version of the cluster.
        opt kubernetes: String;
        /// A kind that nothing is known of is an error.
        opt strict_kinds: bool;
        /// Files and folders with the CRDs of further kinds.
        opt crds: List<String>;
        /// Prometheus version.
        opt prometheus: String;
        /// KEDA version.
        opt keda: String;
        /// How Prometheus was installed.
        opt stack: Stack;
        /// Release name of the Helm chart.
        opt release: LabelValue;
        /// Namespace of Prometheus.
        opt monitoring_namespace: Label;
        /// Nodes of the cluster.
        opt nodes: u32;
        /// Zones of the cluster.
        opt zones: u32;
        /// Globs of files to leave out.
        opt exclude: List<String>;
        /// File of findings that are known.
        opt baseline: String;
        /// Level per rule or family: `error`, `warning`, `info`, `off`.
        opt levels: Map<String>;
        /// Options per rule.
        opt rules: Map<Any>;
        /// Rules of your own.
        opt custom: List<CustomRule>;
    }

    /// A rule of your own: CEL over one object, `false` is a finding.
    CustomRule {
        /// Its name; with the family in front, such as `custom/missing-team`, it stands in reports, levels and
        /// suppressions.
        must name: String;
        /// The kinds that it is about, such as `Deployment` or `apps/Deployment`. Default: all.
        opt kinds: List<String>;
        /// CEL that is true for what is well. `object` is the object, `self` each value at `path`. At most 4 KiB, and
        /// two loops inside one another.
        must expression: String;
        /// What to say where it is false.
        opt message: String;
        /// CEL for what to say; `message` stands in for it where it fails.
        opt message_expression: String;
        /// What to write instead.
        opt help: String;
        /// How bad it is.
        opt severity: Gravity;
        /// Where the finding points, such as `spec.template.spec.containers[*].image`. Default: the object's name.
        opt path: String;
    }
}
