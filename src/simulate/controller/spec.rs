//! What a HorizontalPodAutoscaler asks for, and the flags of the controller, with the API server's defaults.
//!
//! Defaults: `pkg/apis/autoscaling/v2/defaults.go` for the object, `pkg/controller/podautoscaler/config/v1alpha1/
//! defaults.go` for the flags.

/// A HorizontalPodAutoscaler of autoscaling/v2 after defaulting: `spec` without `scaleTargetRef`.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// `minReplicas`; [`Spec::DEFAULT_MIN`] if unset.
    pub min: i32,
    /// `maxReplicas`.
    pub max: i32,
    /// `metrics`; [`Metric::default`] alone if unset or empty.
    pub metrics: Vec<Metric>,
    /// `behavior`. That it is there, even empty, chooses other code than that it is not.
    pub behavior: Option<Behavior>,
}

impl Spec {
    /// What an unset `minReplicas` means.
    pub const DEFAULT_MIN: i32 = 1;

    /// Whether any metric works without pods: `hasObjectOrExternalMetrics` of `horizontal.go`.
    pub fn has_object_or_external(&self) -> bool {
        let mut sources = self.metrics.iter().map(|metric| &metric.source);
        sources.any(|source| matches!(source, Source::Object { .. } | Source::External { .. }))
    }
}

/// An entry of `metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Where it comes from.
    pub source: Source,
    /// What it should be.
    pub target: Target,
}

impl Default for Metric {
    /// What an HPA without metrics gets: 80 % of the CPU request.
    fn default() -> Self {
        Self {
            source: Source::Resource { name: "cpu".to_owned() },
            target: Target::Utilization(80),
        }
    }
}

/// Where a metric comes from: `type` and the name in its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `Resource`, from metrics-server, over all containers.
    Resource {
        /// `cpu` or `memory`; only `cpu` heeds readiness.
        name: String,
    },
    /// `ContainerResource`, from metrics-server, of one container.
    ContainerResource {
        /// `cpu` or `memory`.
        name: String,
        /// The container.
        container: String,
    },
    /// `Pods`, from the custom metrics API, a value for each pod.
    Pods {
        /// The metric.
        name: String,
    },
    /// `Object`, from the custom metrics API, one value.
    Object {
        /// The metric.
        name: String,
    },
    /// `External`, from the external metrics API, a value for each series.
    External {
        /// The metric.
        name: String,
    },
}

impl Source {
    /// The name of the metric or resource.
    pub fn name(&self) -> &str {
        let (Self::Resource { name }
        | Self::ContainerResource { name, .. }
        | Self::Pods { name }
        | Self::Object { name }
        | Self::External { name }) = self;
        name
    }

    /// Whether the controller looks at pods' readiness before it believes their samples: only for CPU.
    pub fn heeds_readiness(&self) -> bool {
        matches!(self, Self::Resource { name } | Self::ContainerResource { name, .. } if name == "cpu")
    }

    /// The reason in the condition `ScalingActive` when this metric fails.
    pub fn failed(&self) -> &'static str {
        match self {
            Self::Resource { .. } => "FailedGetResourceMetric",
            Self::ContainerResource { .. } => "FailedGetContainerResourceMetric",
            Self::Pods { .. } => "FailedGetPodsMetric",
            Self::Object { .. } => "FailedGetObjectMetric",
            Self::External { .. } => "FailedGetExternalMetric",
        }
    }
}

/// What a metric should be; which of them the controller reads depends on the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `averageUtilization`: percent of what the pods request.
    Utilization(i32),
    /// `averageValue`: thousandths per pod.
    AverageValue(i64),
    /// `value`: thousandths in all.
    Value(i64),
    /// None that the controller knows for the source, so that the metric always fails.
    Unset,
}

/// `behavior` after defaulting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// `scaleUp`.
    pub up: Up,
    /// `scaleDown`.
    pub down: Down,
}

/// `behavior.scaleUp`.
pub type Up = Rules<true>;
/// `behavior.scaleDown`.
pub type Down = Rules<false>;

/// `HPAScalingRules` of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules<const UP: bool> {
    /// `stabilizationWindowSeconds`. Unset, it is 0 for up and [`Flags::downscale_stabilization_s`] for down.
    pub window_s: Option<i32>,
    /// `selectPolicy`.
    pub select: Select,
    /// `policies`, all of them as written: a list that is set replaces the default, and nothing is merged.
    pub policies: Vec<Policy>,
    /// `tolerance`; [`Flags::tolerance`] if unset. Since 1.35 without any gate.
    pub tolerance: Option<f64>,
}

impl Default for Up {
    /// 4 pods or 100 %, whichever is more, in 15 seconds.
    fn default() -> Self {
        let policies = vec![
            Policy { kind: PolicyKind::Pods, value: 4, period_s: 15 },
            Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 },
        ];
        Self { window_s: Some(0), select: Select::Max, policies, tolerance: None }
    }
}

impl Default for Down {
    /// 100 % in 15 seconds, behind the window of the flag.
    fn default() -> Self {
        let policies = vec![Policy { kind: PolicyKind::Percent, value: 100, period_s: 15 }];
        Self { window_s: None, select: Select::Max, policies, tolerance: None }
    }
}

impl<const UP: bool> Rules<UP> {
    /// The longest period of any policy, in seconds: `getLongestPolicyPeriod` of `horizontal.go`.
    pub fn longest_period_s(&self) -> i32 {
        self.policies.iter().map(|policy| policy.period_s).max().unwrap_or(0).max(0)
    }
}

/// `selectPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// The policy that allows the larger change.
    #[default]
    Max,
    /// The policy that allows the smaller change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// How much may change in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `type`.
    pub kind: PolicyKind,
    /// `value`: pods or percent.
    pub value: i32,
    /// `periodSeconds`.
    pub period_s: i32,
}

/// `type` of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A number of pods.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// Flags of kube-controller-manager (`--horizontal-pod-autoscaler-…`) and its feature gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flags {
    /// `--horizontal-pod-autoscaler-tolerance`: how far from 1 the ratio may be without any scaling.
    pub tolerance: f64,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period` in seconds.
    pub cpu_initialization_s: i32,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay` in seconds.
    pub initial_readiness_delay_s: i32,
    /// `--horizontal-pod-autoscaler-downscale-stabilization` in seconds.
    pub downscale_stabilization_s: i32,
    /// Gate `HPAScaleToZero`: alpha since 1.16 and off in 1.36.
    pub scale_to_zero: bool,
    /// `scaleUpLimitFactor` of `horizontal.go`, a constant there: what an HPA without behavior may multiply its
    /// replicas with at once.
    pub scale_up_limit_factor: f64,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            cpu_initialization_s: 300,
            initial_readiness_delay_s: 30,
            downscale_stabilization_s: 300,
            scale_to_zero: false,
            scale_up_limit_factor: 2.0,
        }
    }
}

/// `--horizontal-pod-autoscaler-sync-period` in seconds: how often the controller looks at an HPA.
pub const SYNC_PERIOD_S: i32 = 15;

/// How far a ratio may be from 1 without any scaling, for each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Below 1.
    pub down: f64,
    /// Above 1.
    pub up: f64,
}

impl Tolerances {
    /// `tolerancesForHpa` of `horizontal.go`.
    pub fn of(spec: &Spec, flags: &Flags) -> Self {
        let behavior = spec.behavior.as_ref();
        let up = behavior.and_then(|behavior| behavior.up.tolerance);
        let down = behavior.and_then(|behavior| behavior.down.tolerance);
        Self { down: down.unwrap_or(flags.tolerance), up: up.unwrap_or(flags.tolerance) }
    }

    /// `isWithin` of `replica_calculator.go`: both ends count as within, and NaN does not.
    pub fn within(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}
