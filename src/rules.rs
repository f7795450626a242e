//! The lint rules, one file each: documentation, examples, options, check and fix.
//!
//! Adding a rule: copy a file, change it, add its name to `rules!` below. Its examples are tested, and
//! `src/rules/README.md`, `slogen explain` and the schema of the configuration follow by themselves.

pub(crate) mod adapter;
pub mod conformity;
pub mod context;
pub mod custom;
#[macro_use]
mod declare;
pub(crate) mod expressions;
pub(crate) mod indicator;
pub(crate) mod label_sets;
pub mod policy;
pub mod prelude;
pub(crate) mod ratios;
pub(crate) mod rule_groups;
pub mod suppress;
pub(crate) mod watched;
pub(crate) mod windows;

use crate::finding::{Severity, nearest};
pub use context::Ctx;
use custom::Custom;
#[cfg(test)]
pub(crate) use declare::Case;
pub use declare::{Basis, Entry, FixKind, Meta, Preset};

/// A rule; its fields are its options.
pub trait Rule: Send + Sync {
    /// Looks at the whole input and reports what is wrong.
    fn check(&self, cx: &mut Ctx<'_>);

    /// Its options as text, for the policy that the API server checks: names, and values as the CEL reads them.
    fn params(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

rules! {
    schema {
        unknown_field,
        wrong_type,
        missing_field,
        forbidden_value,
        duplicate_key,
        duplicate_object,
        outdated_api,
        unknown_kind,
        mismatched_selector,
    }
    resources {
        missing_requests,
        missing_memory_limit,
        missing_cpu_limit,
        request_above_limit,
        milli_memory,
        implausible_amount,
    }
    probes {
        missing_readiness,
        missing_liveness,
        short_startup_budget,
        unknown_port,
        liveness_stricter_than_readiness,
        liveness_on_dependency,
        mismatched_timeout,
        rejected_probe,
    }
    scaling {
        static_replicas,
        competing_autoscalers,
        overlapping_selectors,
        unknown_target,
        unscalable_target,
        rejected_bounds,
        metric_without_request,
        unknown_metric_container,
        unreachable_target,
        legacy_metric_field,
        rejected_metric,
        fixed_bounds,
        target_without_headroom,
        memory_metric,
        sidecar_in_pod_metric,
        rejected_behavior,
        one_way_scaling,
        slow_scale_up,
        flapping_scale_down,
        fastest_policy_wins,
        max_exceeds_quota,
        vpa_on_same_resource,
        diluted_cpu_target,
        missing_behavior,
        dropped_tolerance,
        max_exceeds_topology,
        vanishing_metric,
    }
    keda {
        rejected_bounds,
        wakeless_triggers,
        trigger_without_request,
        multi_series_query,
        averaged_ratio,
        total_as_value,
        zero_behind_service,
        missing_metric_type,
        null_as_zero,
        implicit_max,
        ineffective_cooldown,
        rejected_fallback,
        rejected_name,
        rounded_threshold,
        rejected_trigger,
        rejected_modifiers,
        restore_on_delete,
    }
    availability {
        single_replica,
        missing_pdb,
        pdb_blocks_eviction,
        overlapping_pdbs,
        unmatched_pdb,
        pdb_without_single_bound,
        spread_selects_others,
        spread_across_revisions,
        missing_spread,
        rejected_spread,
    }
    rollout {
        prestop_exceeds_grace,
        missing_drain,
        grace_below_deregistration,
        short_progress_deadline,
        outage_on_update,
        rejected_strategy,
        capacity_loss_on_update,
        recreate_behind_service,
    }
    traffic {
        unmatched_service,
        unresolved_target_port,
        unknown_backend,
        shared_selector,
        rejected_ports,
        missing_governing_service,
        unmatched_network_policy,
    }
    monitoring {
        unmatched_monitor,
        unknown_endpoint_port,
        shadowed_label,
        unselected_object,
        timeout_exceeds_interval,
        duplicate_scrape,
        blocked_scrape,
        rejected_adapter_config,
        discovery_only_matcher,
        unproduced_metric,
        coarse_scrape_interval,
        competing_metrics_apis,
        per_process_metrics,
    }
    alerts {
        unparsable_promql,
        lost_le,
        unnormalised_le,
        short_rate_window,
        label_mismatch,
        rate_of_aggregate,
        misused_counter,
        unguarded_ratio,
        unreachable_threshold,
        lopsided_burn_rate,
        unknown_record,
        mislabelled_window,
        coarse_group_interval,
        absence_on_scale_to_zero,
        duplicate_rule,
        unweighted_period_ratio,
        pages_on_scale_up,
        missing_capacity_alert,
        unconventional_record_name,
    }
    slo {
        threshold_not_a_bucket,
        drifted_threshold,
        stale_render,
        late_scale_target,
        in_flight_target_above_cap,
        missing_absence_alert,
        saturating_bucket,
        drifted_query,
        rollouts_eat_budget,
        slow_liveness,
        low_traffic_alert,
        slow_page,
        retention_below_window,
    }
    security {
        privileged,
        privilege_escalation,
        root_user,
        writable_root_filesystem,
        excess_capabilities,
        host_namespace,
        host_path,
        plaintext_secret,
        missing_seccomp_profile,
        missing_network_policy,
    }
    hygiene {
        floating_image,
        cached_mutable_image,
        duplicate_env,
        unresolved_reference,
        default_namespace,
        missing_labels,
        unbounded_job,
        missing_priority_class,
        unused_ignore,
    }
}

/// The rule of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    RULES.iter().copied().find(|entry| entry.meta.name == name)
}

/// The rules that `name` means: one rule, or all of a family.
pub fn named(name: &str) -> Vec<&'static Entry> {
    match find(name) {
        Some(entry) => vec![entry],
        None => RULES.iter().copied().filter(|entry| entry.meta.family() == name).collect(),
    }
}

/// The families of the catalogue, also those that hold no rule yet.
const FAMILIES: [&str; 14] = [
    "schema",
    "resources",
    "probes",
    "scaling",
    "keda",
    "availability",
    "rollout",
    "traffic",
    "monitoring",
    "alerts",
    "slo",
    "security",
    "hygiene",
    custom::FAMILY,
];

/// True if `name` means a rule or a family, be it one without rules.
pub fn is_known(name: &str) -> bool {
    FAMILIES.contains(&name) || !named(name).is_empty()
}

/// The rules that `name` means to someone who reads about them: also one without its family.
pub fn meant(name: &str) -> Vec<&'static Entry> {
    let bare = |entry: &&'static Entry| entry.meta.bare() == name;
    match named(name) {
        found if found.is_empty() => RULES.iter().copied().filter(bare).collect(),
        found => found,
    }
}

/// What to say of a name that means no rule.
pub fn unknown(name: &str) -> String {
    let metas = || RULES.iter().map(|entry| &entry.meta);
    let full = |bare: &str| metas().find(|meta| meta.bare() == bare).map(|meta| meta.name);
    let near = full(name)
        .or_else(|| nearest(name, metas().map(|meta| meta.name)))
        .or_else(|| nearest(name, metas().map(Meta::family)))
        .or_else(|| nearest(name, metas().map(Meta::bare)).and_then(full));
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`slogen rules` lists them".to_owned(),
    }
}

/// A rule with its options, at a level.
pub struct Active {
    /// The rule's entry.
    pub entry: &'static Entry,
    /// The rule.
    pub rule: Box<dyn Rule>,
    /// The severity of all its findings; `None` leaves it to the rule.
    pub level: Option<Severity>,
}

/// The rules of a run.
pub struct RuleSet {
    active: Vec<Active>,
    custom: Vec<Custom>,
}

impl RuleSet {
    /// These rules.
    pub fn new(active: Vec<Active>) -> Self {
        Self { active, custom: Vec::new() }
    }

    /// The same with the user's own rules, also those that are off.
    #[must_use]
    pub fn with(self, custom: Vec<Custom>) -> Self {
        Self { custom, ..self }
    }

    /// The rules of `presets` with default options.
    pub fn of(presets: &[Preset]) -> Self {
        let wanted = RULES.iter().copied().filter(|entry| entry.meta.is_in(presets));
        let active = wanted
            .map(|entry| Active { entry, rule: entry.with_defaults(), level: None })
            .collect();
        Self::new(active)
    }

    /// The active rules, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &Active> {
        self.active.iter()
    }

    /// The rules, for running them side by side.
    pub fn as_slice(&self) -> &[Active] {
        &self.active
    }

    /// The active rule of this name.
    pub fn get(&self, name: &str) -> Option<&Active> {
        self.active.iter().find(|active| active.entry.meta.name == name)
    }

    /// The user's own rules, also those that are off.
    pub fn custom(&self) -> &[Custom] {
        &self.custom
    }

    /// True if `name` means a rule or a family, be it one without rules, or one of the user's own.
    pub fn knows(&self, name: &str) -> bool {
        is_known(name) || self.custom.iter().any(|rule| rule.name == name)
    }

    /// What to say of a name that means no rule.
    pub fn unknown(&self, name: &str) -> String {
        unknown_custom(name, &self.custom).unwrap_or_else(|| unknown(name))
    }
}

/// What to say of a name that means none of the user's own rules; `None` for what is no name of one.
pub fn unknown_custom(name: &str, custom: &[Custom]) -> Option<String> {
    let near = nearest(name, custom.iter().map(|rule| rule.name));
    match near {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => custom::bare(name).map(|_| "declare it as `[[lint.custom]]`".to_owned()),
    }
}
