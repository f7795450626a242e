//! Recorded runs of an autoscaler: what it saw, step by step, is put before the controller again.
//!
//! A file holds one run a line, as a JSON object:
//!
//! | field | content |
//! |---|---|
//! | `hpa_spec_input` | `spec` of the HorizontalPodAutoscaler (autoscaling/v2) as written |
//! | `hpa_spec_defaulted` | the same with the API server's defaults; read only where `hpa_spec_input` is missing |
//! | `cpu_request_milli` | CPU that each pod requests, in thousandths of a core; a CPU utilization needs it |
//! | `requests_milli` | what each pod requests of anything else, by the name of the samples; optional |
//! | `tolerance`, `cpu_init_s`, `readiness_delay_s`, `downscale_stabilization_s` | flags of the controller; optional, with its defaults |
//! | `scale_to_zero` | the gate `HPAScaleToZero` is on; optional |
//! | `steps` | one object for each sync, in order |
//!
//! and each step:
//!
//! | field | content |
//! |---|---|
//! | `t` | seconds from the start of the run, at least one more than in the step before |
//! | `spec_before` | `spec.replicas` of the workload |
//! | `status_replicas` | `status.replicas`; optional, by default the pods that are neither failed nor being deleted |
//! | `pods` | objects with `name`, `phase`, `ready`, `start_s`, `trans_s` (last change of `ready`), perhaps `deleted`; times are like `t`, and may lie before the start; `ready` or `start_s` is null where the pod has none |
//! | `samples` | by metric, in thousandths: an object of pods for Resource, `ContainerResource` and Pods, a number or a list of series for Object and External, or `"error"` |
//! | `metric_ts_s`, `metric_window_s` | when the samples were taken, and over how long; optional: at `t`, 60 s |
//! | `spec_after` | what the recorded controller made of it; only a comparison reads it |
//!
//! Samples of a Resource metric have the name of the resource, those of a `ContainerResource` metric
//! `CONTAINER/RESOURCE`, or the resource's alone where there are none of that name. Other fields are ignored.
//!
//! A replay is an open loop: each step starts from the replicas and pods that were recorded, while recommendations and
//! scale events are those of the replayed decisions.

mod hpa;
mod problem;
mod read;
mod run;

pub use problem::Problem;
pub use read::read;
pub use run::{Outcome, Run};
