//! The strict schemas of kinds: what an object may hold, where it breaks that, and in which words this is told.
//!
//! Built-in kinds come from the `OpenAPI` definitions of one Kubernetes version ([`KUBERNETES`]), those of KEDA and the
//! Prometheus Operator from the types that slogen renders, and further ones from the user's CRDs ([`crd`]).

mod arena;
pub mod crd;
mod kinds;
pub mod versions;
mod violation;

use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::yaml::{self, Place};
use arena::{Arena, ArenaNode};
pub use kinds::kinds;
pub use violation::{Problem, Violation};

/// The Kubernetes version, major and minor, whose definitions are built in.
pub const KUBERNETES: (u32, u32) = (1, 36);

/// The schema of a kind, compiled on first use: compiling all of them takes longer than linting a file.
#[derive(Debug)]
pub struct Schema {
    text: Text,
    compiled: OnceLock<Result<Compiled, String>>,
}

#[derive(Debug)]
enum Text {
    BuiltIn(&'static str),
    Given(Value),
}

/// A schema that is ready for use, with the document it came from, which knows what a validation error does not
/// mention.
#[derive(Debug)]
struct Compiled {
    document: Value,
    validator: Validator<Arena>,
}

impl Schema {
    const fn built_in(text: &'static str) -> Self {
        Self { text: Text::BuiltIn(text), compiled: OnceLock::new() }
    }

    fn built_in_text(&self) -> &'static str {
        match self.text {
            Text::BuiltIn(text) => text,
            Text::Given(_) => "{}",
        }
    }

    fn given(document: Value) -> Self {
        Self { text: Text::Given(document), compiled: OnceLock::new() }
    }

    /// Everything in `object` that breaks the schema, in the order of the text. An error says why the schema itself
    /// is none.
    pub fn violations<'a>(&self, object: Place<'a>) -> Result<Vec<Violation<'a>>, &str> {
        let compiled = self.compiled.get_or_init(|| Compiled::new(&self.text));
        Ok(compiled.as_ref().map_err(String::as_str)?.violations(object))
    }
}

impl Compiled {
    fn new(text: &Text) -> Result<Self, String> {
        let document = match text {
            Text::BuiltIn(text) => serde_json::from_str(text).map_err(|error| error.to_string())?,
            Text::Given(document) => document.clone(),
        };
        let validator = jsonschema::options_for::<Arena>()
            .build(&document)
            .map_err(|error| error.to_string())?;
        Ok(Self { document, validator })
    }

    fn violations<'a>(&self, object: Place<'a>) -> Vec<Violation<'a>> {
        let node = ArenaNode::Value(object);
        // Most objects are valid, which is found out faster than what is wrong.
        if self.validator.is_valid(node.clone()) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(node);
        let mut found: Vec<_> =
            errors.flat_map(|error| violation::of(&error, object, &self.document)).collect();
        found.sort_by_key(|violation| violation.place.order());
        // What is merged or aliased into several places is written once.
        found.dedup_by(|a, b| {
            a.place == b.place && a.problem == b.problem && a.path.0.last() == b.path.0.last()
        });
        found
    }
}

/// What is known of a kind.
#[derive(Clone, Copy, Debug)]
pub enum Known<'s> {
    /// Its schema.
    Checked(&'s Schema),
    /// That it exists or existed, at least.
    Unchecked,
    /// Nothing.
    Unknown,
}

/// The schemas of a run.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// By `apiVersion` and kind.
    own: FxHashMap<(String, String), Arc<Schema>>,
}

impl Schemas {
    /// Adds kinds of CRDs; one that is built in is replaced.
    pub fn add(&mut self, kinds: impl IntoIterator<Item = crd::Kind>) {
        for kind in kinds {
            self.own.insert((kind.api_version, kind.kind), Arc::new(Schema::given(kind.schema)));
        }
    }

    /// What is known of `kind` in `api_version`.
    pub fn find(&self, api_version: &str, kind: &str) -> Known<'_> {
        if !self.own.is_empty()
            && let Some(schema) = self.own.get(&(api_version.to_owned(), kind.to_owned()))
        {
            return Known::Checked(schema);
        }
        if let Some(schema) = kinds::find(api_version, kind) {
            return Known::Checked(schema);
        }
        if kinds::exists(group(api_version), kind)
            || versions::outdated(api_version, kind).is_some()
        {
            Known::Unchecked
        } else {
            Known::Unknown
        }
    }
}

/// True for an API group that Kubernetes itself serves, all kinds of which are built in.
pub fn is_built_in(api_version: &str) -> bool {
    let group = group(api_version);
    kinds().any(|(_, known)| self::group(known) == group && !is_of_operator(group))
}

/// Groups of which some kinds are built in, though Kubernetes does not serve them.
fn is_of_operator(group: &str) -> bool {
    ["argoproj.io", "keda.sh", "monitoring.coreos.com"].contains(&group)
}

/// `apps` of `apps/v1`; nothing of `v1`.
fn group(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// What breaks the built-in schema of this kind in `object`, told for people, each with its JSON pointer; none means
/// valid.
///
/// `None` says that no schema of this kind at this `api_version` is built in.
pub fn validate(kind: &str, api_version: &str, object: &Value) -> Option<Vec<(String, String)>> {
    let schema = kinds::find(api_version, kind)?;
    let Ok(text) = yaml::emit::stream(&[object]) else { return Some(Vec::new()) };
    let stream = yaml::parse(crate::source::FileId::NONE, &text);
    let root = stream.documents().next()?;
    Some(match schema.violations(root) {
        Ok(found) => found.iter().map(|it| (it.pointer(), it.to_string())).collect(),
        Err(reason) => {
            vec![(String::new(), format!("slogen cannot read its own schema: {reason}"))]
        }
    })
}
