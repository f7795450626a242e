//! Rules as `ValidatingAdmissionPolicy` objects (admissionregistration.k8s.io/v1, Kubernetes 1.30 and later): what one
//! object decides, the API server checks itself.
//!
//! The CEL stands with each rule; here it is wrapped: whom it concerns, who is exempt, what is said, and where the
//! options come from. Every expression stands for itself, without `variables`, so that any evaluator of CEL takes it as
//! it is. `failurePolicy` is `Fail`: a policy whose parameters are gone should be noticed. With the
//! actions Warn and Audit that is a warning and refuses nothing.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod cel;
#[cfg(test)]
mod environment;

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1::{
    AuditAnnotation, MatchCondition, MatchResources, NamedRuleWithOperations, ParamKind, ParamRef,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta,
};

use crate::render::{Manifest, managed_by};
use crate::rules::policy::{Admission, FINDINGS, KEDA_VERSION, Policy, Resource, dedent};
use crate::rules::{Active, Entry, Meta, RULES, RuleSet};

/// Where the objects go, and what they do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace of the parameters.
    pub namespace: String,
    /// Refuses what is reported, instead of warning.
    pub deny: bool,
    /// Namespaces that are left alone.
    pub exclude: Vec<String>,
    /// The version of KEDA, as (major, minor), where it is known.
    pub keda: Option<(u32, u32)>,
}

/// The ConfigMap that holds the options of all rules.
pub const PARAMS: &str = "slogen-policy-params";

/// Namespaces that every cluster has.
const BUILT_IN: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The rules that can be exported.
pub fn exportable() -> impl Iterator<Item = &'static Entry> {
    RULES.iter().copied().filter(|entry| matches!(entry.meta.admission, Admission::Policy(_)))
}

/// The policies of those of `rules` that can be exported, with a binding each, and first of all what they read.
pub fn manifests(rules: &RuleSet, options: &Options) -> Result<Vec<Manifest>, String> {
    let exported = || {
        rules.iter().filter_map(|active| match active.entry.meta.admission {
            Admission::Policy(policy) => Some((active, policy)),
            Admission::Never(_) => None,
        })
    };
    let mut data: BTreeMap<_, _> = exported().flat_map(|(active, _)| params(active)).collect();
    if exported().any(|(_, policy)| policy.reads_keda_version()) {
        let version = options.keda.map(|(major, minor)| format!("{major}.{minor}"));
        data.insert(KEDA_VERSION.to_owned(), version.unwrap_or_default());
    }
    let mut manifests = Vec::new();
    if !data.is_empty() {
        if !BUILT_IN.contains(&options.namespace.as_str()) {
            let metadata = metadata(options.namespace.clone());
            manifests.push(Manifest::of(Namespace { metadata, ..Namespace::default() })?);
        }
        let metadata = ObjectMeta {
            namespace: Some(options.namespace.clone()),
            ..metadata(PARAMS.to_owned())
        };
        let config = ConfigMap { metadata, data: Some(data), ..ConfigMap::default() };
        manifests.push(Manifest::of(config)?);
    }
    for (active, policy) in exported() {
        let has_params = params(active).next().is_some() || policy.reads_keda_version();
        manifests.push(Manifest::of(admission(&active.entry.meta, policy, has_params))?);
        manifests.push(Manifest::of(binding(&active.entry.meta, has_params, options))?);
    }
    Ok(manifests)
}

/// The options of a rule, by their keys in the ConfigMap.
fn params(active: &Active) -> impl Iterator<Item = (String, String)> + use<> {
    let prefix = active.entry.meta.name.replace('/', ".");
    active.rule.params().into_iter().map(move |(name, value)| (format!("{prefix}.{name}"), value))
}

/// `slogen-family-rule`
fn name(meta: &Meta) -> String {
    format!("slogen-{}", meta.name.replace('/', "-"))
}

fn metadata(name: String) -> ObjectMeta {
    let labels = Some(BTreeMap::from([managed_by()]));
    ObjectMeta { name: Some(name), labels, ..ObjectMeta::default() }
}

fn of_rule(meta: &Meta) -> ObjectMeta {
    let annotation = ("slogen.dev/rule".to_owned(), meta.name.to_owned());
    ObjectMeta { annotations: Some(BTreeMap::from([annotation])), ..metadata(name(meta)) }
}

fn admission(meta: &Meta, policy: &Policy, has_params: bool) -> ValidatingAdmissionPolicy {
    let found = policy.findings();
    let texts = format!("({found}\n).join('; ').replace('\\n', ' ')\n");
    let validation = Validation {
        expression: format!("size({found}\n) == 0\n"),
        message: Some(format!("{}: {}", meta.name, meta.summary())),
        message_expression: Some(format!("'{}: ' + {texts}", meta.name)),
        reason: Some("Invalid".to_owned()),
    };
    let param_kind =
        ParamKind { api_version: Some("v1".to_owned()), kind: Some("ConfigMap".to_owned()) };
    let spec = ValidatingAdmissionPolicySpec {
        audit_annotations: Some(vec![AuditAnnotation {
            key: FINDINGS.to_owned(),
            value_expression: texts,
        }]),
        failure_policy: Some("Fail".to_owned()),
        match_conditions: Some(conditions(meta, policy)),
        match_constraints: Some(MatchResources {
            resource_rules: Some(resource_rules(policy.resources)),
            ..MatchResources::default()
        }),
        param_kind: has_params.then_some(param_kind),
        validations: Some(vec![validation]),
        variables: None,
    };
    ValidatingAdmissionPolicy { metadata: of_rule(meta), spec: Some(spec), status: None }
}

/// What must hold of a request for the rule to judge its object.
fn conditions(meta: &Meta, policy: &Policy) -> Vec<MatchCondition> {
    // `rule: why; other: why`, as `rules::suppress` reads it: without a reason it hides nothing.
    let ignored = format!("(^|;)\\\\s*({}|{})\\\\s*:\\\\s*[^;\\\\s]", meta.family(), meta.name);
    let annotation = crate::rules::suppress::ANNOTATION;
    let always = [
        (
            "not-ignored",
            format!(
                "!has(object.metadata.annotations) || !('{annotation}' in object.metadata.annotations)\n  \
                 || !object.metadata.annotations['{annotation}'].matches('{ignored}')\n"
            ),
        ),
        // Else an object from before the policy could neither be labelled nor be deleted.
        ("spec-is-new", "oldObject == null || object.spec != oldObject.spec".to_owned()),
        ("not-being-deleted", "!has(object.metadata.deletionTimestamp)".to_owned()),
    ];
    let own = policy.conditions.iter().map(|condition| (condition.name, dedent(condition.cel)));
    let all = always.into_iter().chain(own);
    all.map(|(name, expression)| MatchCondition { name: name.to_owned(), expression }).collect()
}

/// One entry for each version of a group.
fn resource_rules(resources: &[Resource]) -> Vec<NamedRuleWithOperations> {
    let mut rules: Vec<NamedRuleWithOperations> = Vec::new();
    for Resource { group, version, plural } in resources {
        let (groups, versions) =
            (Some(vec![(*group).to_owned()]), Some(vec![(*version).to_owned()]));
        let known =
            rules.iter_mut().find(|it| it.api_groups == groups && it.api_versions == versions);
        if let Some(plurals) = known.and_then(|rule| rule.resources.as_mut()) {
            plurals.push((*plural).to_owned());
            continue;
        }
        rules.push(NamedRuleWithOperations {
            api_groups: groups,
            api_versions: versions,
            operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
            resources: Some(vec![(*plural).to_owned()]),
            ..NamedRuleWithOperations::default()
        });
    }
    rules
}

fn binding(meta: &Meta, has_params: bool, options: &Options) -> ValidatingAdmissionPolicyBinding {
    let actions: &[&str] = if options.deny { &["Deny"] } else { &["Warn", "Audit"] };
    let mut excluded = vec!["kube-system".to_owned()];
    for namespace in &options.exclude {
        if !excluded.contains(namespace) {
            excluded.push(namespace.clone());
        }
    }
    let elsewhere = LabelSelectorRequirement {
        key: "kubernetes.io/metadata.name".to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(excluded),
    };
    let selector = LabelSelector { match_expressions: Some(vec![elsewhere]), match_labels: None };
    let param_ref = ParamRef {
        name: Some(PARAMS.to_owned()),
        namespace: Some(options.namespace.clone()),
        parameter_not_found_action: Some("Deny".to_owned()),
        selector: None,
    };
    let spec = ValidatingAdmissionPolicyBindingSpec {
        match_resources: Some(MatchResources {
            namespace_selector: Some(selector),
            ..MatchResources::default()
        }),
        param_ref: has_params.then_some(param_ref),
        policy_name: name(meta),
        validation_actions: actions.iter().map(|action| (*action).to_owned()).collect(),
    };
    ValidatingAdmissionPolicyBinding { metadata: of_rule(meta), spec }
}
