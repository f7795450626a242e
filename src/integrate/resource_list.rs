//! The `ResourceList` of KRM functions (kustomize's `functions-spec.md`), and what goes back in its place.
//!
//! Texts of items are cut out and put back, never written anew, so that comments and the annotations by which hosts
//! know their items stay as they are.

use serde_json::{Value, json};

use super::function::KINDS;
use crate::finding::{Finding, Op, Step, Target};
use crate::source::{FileId, Span};
use crate::yaml::{self, Place, Stream, edit, emit, excerpt};

/// Versions of the `ResourceList`, which differ in nothing that slogen reads.
const API_VERSIONS: [&str; 3] =
    ["config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1"];

/// Says that kustomize is the host: kpt does not set it.
const KUSTOMIZE_ID: &str = "kustomize.config.k8s.io/id";
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// What hosts write on items to know them again.
fn is_of_host(annotation: &str) -> bool {
    ["config.kubernetes.io/", "internal.config.kubernetes.io/", "internal.kpt.dev/"]
        .iter()
        .any(|prefix| annotation.starts_with(prefix))
        || ["config.k8s.io/id", KUSTOMIZE_ID].contains(&annotation)
}

/// One item, or one document of a stream.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// The document.
    pub text: String,
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, if it is set.
    pub namespace: Option<String>,
    annotations: Vec<(String, String)>,
    managed_by: Option<String>,
    /// A mapping: anything else is no object.
    is_object: bool,
}

impl Item {
    /// Reads a document.
    pub fn read(text: String) -> Self {
        let stream = yaml::parse(FileId::NONE, &text);
        let Some(root) = stream.documents().next().filter(|root| root.is_mapping()) else {
            return Self { text, ..Self::default() };
        };
        let of = |path: &str| root.at(path).and_then(Place::text).unwrap_or("").to_owned();
        let annotations = root.at("metadata/annotations").map(Place::entries).unwrap_or_default();
        let annotation =
            |(key, value): (&str, Place<'_>)| Some((key.to_owned(), value.text()?.to_owned()));
        let labels = root.at("metadata/labels");
        let (api_version, kind, name) = (of("apiVersion"), of("kind"), of("metadata/name"));
        let namespace = Some(of("metadata/namespace")).filter(|name| !name.is_empty());
        let annotations = annotations.into_iter().filter_map(annotation).collect();
        let managed_by = labels.and_then(|labels| labels.text_of("app.kubernetes.io/managed-by"));
        let managed_by = managed_by.map(str::to_owned);
        Self {
            api_version,
            kind,
            name,
            namespace,
            annotations,
            managed_by,
            is_object: true,
            text: text.clone(),
        }
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn path_annotation(&self) -> Option<&str> {
        let path = |prefix: &str| self.annotation(&format!("{prefix}config.kubernetes.io/path"));
        path("internal.").or_else(|| path("")).filter(|path| !path.is_empty())
    }

    /// The file that it lies in, relative to the package, and its index there: kpt tells, kustomize makes them up.
    pub fn file(&self) -> Option<(&str, usize)> {
        if self.is_of_kustomize() {
            return None;
        }
        let index = |prefix: &str| self.annotation(&format!("{prefix}config.kubernetes.io/index"));
        let index = index("internal.").or_else(|| index("")).and_then(|index| index.parse().ok());
        Some((self.path_annotation()?, index.unwrap_or(0)))
    }

    /// True if kustomize is the host.
    pub fn is_of_kustomize(&self) -> bool {
        self.annotation(KUSTOMIZE_ID).is_some()
    }

    /// True for an object of the cluster: neither for tools only, nor a configuration of slogen.
    pub fn is_resource(&self) -> bool {
        let local = self.annotation(LOCAL_CONFIG).is_some_and(|value| value != "false");
        self.is_object && !local && !self.is_function()
    }

    fn is_function(&self) -> bool {
        self.api_version.starts_with("slogen.dev/") && KINDS.contains(&self.kind.as_str())
    }

    /// True for what kustomize hands a generator as its only item: its own configuration. One with a path of its own
    /// is a file of a kpt package, which goes if the item does.
    fn is_echo_of(&self, config: &Self) -> bool {
        self.annotation(LOCAL_CONFIG).is_some()
            && (self.path_annotation().is_none() || self.is_of_kustomize())
            && self.identity() == config.identity()
    }

    fn is_made_by_slogen(&self) -> bool {
        self.managed_by.as_deref() == Some("slogen")
            || self.annotation("slogen.dev/source-sha256").is_some()
    }

    /// What makes two objects the same one in a cluster. Unset, the namespace is `default` to kustomize.
    pub(super) fn identity(&self) -> (&str, &str, &str, &str) {
        let group = self.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        (group, &self.kind, self.namespace.as_deref().unwrap_or("default"), &self.name)
    }

    /// The name that references to it still have: kustomize renames objects at once, and what names them at the end.
    pub(super) fn referred_name(&self) -> &str {
        let previous = self.annotation("internal.config.kubernetes.io/previousNames");
        let first = previous.and_then(|names| names.split(',').next());
        first.filter(|name| self.is_of_kustomize() && !name.is_empty()).unwrap_or(&self.name)
    }

    /// The document, with the name that references to it still have.
    pub(super) fn text_as_referred(&self) -> String {
        let name = self.referred_name();
        if name == self.name {
            return self.text.clone();
        }
        let stream = yaml::parse(FileId::NONE, &self.text);
        let target = stream.documents().next().and_then(|root| root.at("metadata/name"));
        let op = target.map(|place| Op::Set(place.target(), json!(name)));
        let edited = op.and_then(|op| edit::apply(&stream, &[&op]).ok());
        edited.unwrap_or_else(|| self.text.clone())
    }

    /// As people name it: `Deployment prod/inference`.
    pub fn title(&self) -> String {
        let namespace = self.namespace.as_deref().map(|namespace| format!("{namespace}/"));
        format!("{} {}{}", self.kind, namespace.unwrap_or_default(), self.name)
    }

    /// What it says, without what the host added.
    fn content(&self) -> Value {
        let stream = yaml::parse(FileId::NONE, &self.text);
        let mut value = stream.documents().next().map_or(Value::Null, excerpt::json);
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
            && let Some(all) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        {
            all.retain(|key, _| !is_of_host(key));
            if all.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
        value
    }
}

/// A `ResourceList`.
#[derive(Debug)]
pub struct ResourceList<'t> {
    stream: &'t Stream<'t>,
    root: Place<'t>,
    /// The items.
    pub items: Vec<Item>,
    /// The object that configures the function, as a document.
    pub config: String,
}

/// True if `text` begins like a `ResourceList`, whatever becomes of its end.
pub fn may_be(text: &str) -> bool {
    text.contains("ResourceList")
}

/// Reads the only document of `stream`.
pub fn read<'t>(stream: &'t Stream<'t>) -> Result<ResourceList<'t>, Box<Finding>> {
    let error = |span, message: &str, help: &str| {
        Err(Box::new(Finding::error("input/resource-list", span, message).help(help)))
    };
    if let Some(problem) = stream.problems.first() {
        let message = format!("standard input is no YAML: {}", problem.message);
        return error(problem.span, &message, "a function reads a ResourceList");
    }
    let help = "kustomize and kpt hand one over; `slogen lint -` reads a stream of manifests";
    let Some(root) = stream.documents().next() else {
        return error(Span::start_of(stream.file()), "standard input is empty", help);
    };
    let is = |key: &str, known: &[&str]| root.text_of(key).is_some_and(|it| known.contains(&it));
    if !is("kind", &["ResourceList"]) || !is("apiVersion", &API_VERSIONS) {
        let message = "standard input is no ResourceList of config.kubernetes.io/v1";
        return error(root.primary(), message, help);
    }
    // Of two lists one would be lost.
    if let Some((_, later)) = stream.duplicate_keys().find(|(key, _)| key.target().path.len() == 1)
    {
        return error(later.span(), "this key is written twice", "a ResourceList has it once");
    }
    if stream.documents().len() > 1 {
        let second = stream.documents().nth(1).unwrap_or(root);
        return error(second.primary(), "there is a document behind the ResourceList", help);
    }
    let list = root.get("items");
    if let Some(list) = list.filter(|list| !list.is_sequence()) {
        return error(list.primary(), "`items` is no list", "a ResourceList has a list there");
    }
    let Some(config) = root.get("functionConfig").filter(|config| config.is_mapping()) else {
        let help = "name its file: `kpt fn eval --fn-config FILE`, or a `config.kubernetes.io/function` \
                    annotation in the generator or transformer of a kustomization";
        return error(root.primary(), "there is no functionConfig, which says what to do", help);
    };
    let items = list.map(excerpt::items).unwrap_or_default();
    let items = items.into_iter().map(Item::read).collect();
    Ok(ResourceList { stream, root, items, config: excerpt::value(config) })
}

impl ResourceList<'_> {
    /// The list as it came, byte for byte, with `results`.
    pub fn echo(&self, results: &[Value]) -> String {
        let text = self.stream.text();
        if results.is_empty() {
            return text.to_owned();
        }
        let (root, results) = (self.root.target(), Value::from(results));
        let key = "results".to_owned();
        let op = if self.root.entry(&key).is_some() {
            Op::Set(Target { path: vec![Step::Key(key)], ..root }, results)
        } else {
            Op::Insert(root, key, results)
        };
        let edited = edit::apply(self.stream, &[&op]).ok().filter(|new| self.is_kept_by(new));
        // Better no results, which standard error has too, than an item that has changed.
        edited.unwrap_or_else(|| text.to_owned())
    }

    fn is_kept_by(&self, new: &str) -> bool {
        let stream = yaml::parse(self.stream.file(), new);
        let Some(root) = stream.documents().next() else { return false };
        let same = |key: &str| match (self.root.entry(key), root.entry(key)) {
            (Some(old), Some(new)) => excerpt::same(old, new),
            (None, None) => true,
            _ => false,
        };
        stream.problems.is_empty()
            && ["apiVersion", "kind", "items", "functionConfig"].into_iter().all(same)
    }

    /// True if every item says that kustomize is the host, so that an empty list deletes no files.
    pub fn is_of_kustomize(&self) -> bool {
        self.items.iter().all(Item::is_of_kustomize)
    }

    /// A list without items, with `results`.
    pub fn emptied(&self, results: &[Value]) -> Result<String, String> {
        let version = self.root.text_of("apiVersion");
        let mut list = json!({ "apiVersion": version, "kind": "ResourceList", "items": [] });
        if !results.is_empty() {
            list["results"] = results.into();
        }
        emit::stream(&[&list])
    }

    /// The list with `objects`, which slogen has rendered: in the place of those that it made earlier, or behind all
    /// items. Every other item stays. Fails with the names of items that someone else made in the place of `objects`.
    pub fn generated(&self, objects: &[&Value]) -> Result<String, Vec<String>> {
        let config = Item::read(self.config.clone());
        let mut texts: Vec<Option<String>> = self
            .items
            .iter()
            .map(|item| (!item.is_echo_of(&config)).then(|| item.text.clone()))
            .collect();
        let (mut new, mut foreign) = (Vec::new(), Vec::new());
        for object in objects {
            let bug = |error| vec![format!("an object that cannot be written: {error}")];
            let text = emit::stream(&[object]).map_err(bug)?;
            let rendered = Item::read(text);
            let same = |item: &Item| item.is_object && item.identity() == rendered.identity();
            match self.items.iter().position(same) {
                None => new.push(rendered.text),
                Some(at) => match self.items.get(at) {
                    Some(old) if !old.is_made_by_slogen() => foreign.push(match old.file() {
                        Some((path, _)) => format!("{} in `{path}`", old.title()),
                        None => old.title(),
                    }),
                    Some(old) if old.content() != rendered.content() => {
                        let text = emit::stream(&[&with_annotations(object, old)]).map_err(bug)?;
                        texts.splice(at..=at, [Some(text)]);
                    }
                    _ => {}
                },
            }
        }
        if !foreign.is_empty() {
            return Err(foreign);
        }
        let items: Vec<String> = texts.into_iter().flatten().chain(new).collect();
        Ok(self.assembled(&items))
    }

    fn assembled(&self, items: &[String]) -> String {
        let version = self.root.text_of("apiVersion").unwrap_or(API_VERSIONS[0]);
        let head = format!("apiVersion: {version}\nkind: ResourceList\n");
        let items = match items {
            [] => "items: []\n".to_owned(),
            items => {
                let items = items.iter().map(|item| excerpt::as_item(item));
                items.fold("items:\n".to_owned(), |all, item| all + &item)
            }
        };
        format!("{head}{items}functionConfig:\n{}", excerpt::indented(&self.config, 2))
    }
}

/// `object` with what the host wrote on `item`.
fn with_annotations(object: &Value, item: &Item) -> Value {
    let mut object = object.clone();
    let of_host = item.annotations.iter().filter(|(key, _)| is_of_host(key));
    let metadata = &mut object["metadata"];
    for (key, value) in of_host {
        metadata["annotations"][key] = json!(value);
    }
    object
}

/// The documents of `text`, a stream of manifests.
pub fn documents(text: &str) -> Vec<Item> {
    let is_mark = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut documents = vec![String::new()];
    for line in text.split_inclusive('\n') {
        // No scalar holds such a line: YAML forbids it.
        if is_mark(line) {
            documents.push(String::new());
        }
        if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    documents.into_iter().map(Item::read).filter(|item| item.is_object).collect()
}
