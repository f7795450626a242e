//! slogen turns one `slo.toml` into the Kubernetes manifests of an SLO-driven, autoscaled service, and finds the
//! mistakes in manifests that exist already.
//!
//! ```text
//! slo.toml  ─► Spec ─► Plan ─► objects ─► YAML
//! manifests ─► Streams ─► Cluster ─► rules ─► findings ─► report | fix
//! ```
//!
//! What holds everywhere:
//! 1. Only `cli` and `source::read` touch files, environment, clock and standard streams; the rest is pure.
//! 2. Reading never stops at the first problem; every problem is a finding with a span, and a broken document hides
//!    nothing in the others.
//! 3. `plan` never sees Kubernetes types, `render` decides no numbers, PromQL text exists only in `promql`; rules never
//!    see text or byte offsets, `yaml` never sees Kubernetes.
//! 4. Same input, same bytes out.
//! 5. No panic on any input; a panic inside one rule is a finding, and the other rules still run.
//! 6. Exit codes: 0 done, 1 drift in `--check` or findings of `lint`, 2 problems of input, usage or IO.

pub mod cli;
pub mod cluster;
pub mod config;
pub mod finding;
pub mod fix;
pub mod integrate;
pub mod kinds;
pub mod lint;
pub mod openapi;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod promql;
pub mod query;
pub mod render;
pub mod report;
pub mod rules;
pub mod runbook;
pub mod schema;
pub mod simulate;
pub mod source;
pub mod spec;
pub mod text;
pub mod tree;
pub mod units;
pub mod yaml;
