//! slogen turns one `slo.toml` into the Kubernetes manifests of an SLO-driven, autoscaled service.
//!
//! ```text
//! slo.toml ─► Spec ─► Plan ─► objects ─► YAML
//! ```
//!
//! What holds everywhere:
//! 1. Only `cli` and `source::read` touch files, environment, clock and standard streams; the rest is pure.
//! 2. Loading never stops at the first problem; every problem is a finding with a span.
//! 3. `plan` never sees Kubernetes types, `render` decides no numbers, PromQL text exists only in `promql`.
//! 4. Same input, same bytes out.
//! 5. No panic on any input.
//! 6. Exit codes: 0 done, 1 drift in `--check`, 2 problems of input, usage or IO.

pub mod cli;
pub mod cluster;
pub mod config;
pub mod finding;
pub mod fix;
pub mod kinds;
pub mod lint;
pub mod plan;
pub mod profile;
pub mod promql;
pub mod query;
pub mod render;
pub mod report;
pub mod rules;
pub mod runbook;
pub mod schema;
pub mod source;
pub mod spec;
pub mod text;
pub mod tree;
pub mod units;
pub mod yaml;
