//! `slogen init`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::{Value, context};

use crate::profile::{EMBEDDED, Library};
use crate::schema;
use crate::source::{Files, Span};
use crate::spec::decode::Text;
use crate::spec::leaf::{Image, ServiceName, slug};
use crate::text;
use crate::tree::{self, Node, Table};

use super::input::FILE_NAME;
use super::output::{write_file, write_own};
use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Profile that gives the defaults; `slogen profile list` says what each is for.
    #[arg(long, value_name = "NAME", default_value = "web", value_parser = profile_names())]
    profile: String,
    /// Name of the service. Default: the folder's.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Container image.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Where to write.
    #[arg(short, long, value_name = "PATH", default_value = FILE_NAME)]
    output: PathBuf,
    /// Write slo.schema.json beside the file, too, and have editors take that: for places without network.
    #[arg(long)]
    schema: bool,
    /// Replace a file that is there already.
    #[arg(long)]
    force: bool,
}

fn profile_names() -> clap::builder::PossibleValuesParser {
    EMBEDDED.iter().map(|profile| profile.name).collect::<Vec<_>>().into()
}

/// Where the schema of slo.toml is published; also its `$id`.
const SCHEMA: &str = "https://slogen.dev/schemas/slo.schema.json";
const SCHEMA_FILE: &str = "slo.schema.json";
/// The schema as the starter refers to it in its own folder.
const SCHEMA_BESIDE: &str = "./slo.schema.json";

const STARTER: &str = include_str!("init/slo.toml.txt");

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let path = &args.output;
    if path == Path::new("-") {
        return Err(Stop::Message(
            "`--output -` would be a file called `-`; name a file".to_owned(),
        ));
    }
    if !args.force && path.symlink_metadata().is_ok() {
        let message = format!("`{}` is there already; `--force` replaces it", path.display());
        return Err(Stop::Message(message));
    }
    let invalid = |option: &str, invalid: crate::units::Invalid| {
        Stop::Message(format!("{option}: {}; {}", invalid.message, invalid.help))
    };
    let name = args.name.clone().unwrap_or_else(|| folder_name(path));
    ServiceName::parse(&name).map_err(|error| invalid("--name", error))?;
    let image = args.image.clone().unwrap_or_else(|| format!("registry.example.com/{name}:v1"));
    Image::parse(&image).map_err(|error| invalid("--image", error))?;
    let schema = if args.schema { SCHEMA_BESIDE } else { SCHEMA };
    let starter = starter(&args.profile, &name, &image, schema).map_err(|error| {
        Stop::Message(format!(
            "the starter file could not be written: {error}; this is a bug of slogen"
        ))
    })?;
    // First, so that the starter never points to what is not there.
    if args.schema {
        let beside = path.with_file_name(SCHEMA_FILE);
        let text = super::schema::text(&schema::document::slo())?;
        write_own(&beside, &text, args.force, |old| old.contains(SCHEMA))?;
        writeln!(io.err, "wrote {}", beside.display())?;
    }
    write_file(path, &starter)?;
    let elsewhere = path != Path::new(FILE_NAME);
    let from = if elsewhere { format!(" -f {}", path.display()) } else { String::new() };
    writeln!(io.err, "wrote {}; now: slogen render{from} > manifests.yaml", path.display())?;
    Ok(Outcome::Done)
}

/// The starter file; `p.<section>.<key>` in the template is what the profile says there, as TOML.
fn starter(
    profile: &str,
    name: &str,
    image: &str,
    schema: &str,
) -> Result<String, minijinja::Error> {
    let mut files = Files::default();
    let start = Span::start_of(files.add(FILE_NAME, ""));
    let merged = Library::default().get(&mut files, profile, Path::new(""), start);
    let table = merged.map(|merged| merged.table).unwrap_or_default();
    text::fill(STARTER, context! { p => values(&table, 2), profile, name, image, schema })
}

/// Tables `depth` levels deep as maps, what is below them as TOML.
fn values(table: &Table, depth: u8) -> Value {
    let value = |node: &Node| match &node.value {
        tree::Value::Table(inner) if depth > 1 => values(inner, depth - 1),
        _ => Value::from(node.to_toml()),
    };
    table.iter().map(|(key, node)| (key.as_str(), value(node))).collect::<BTreeMap<_, _>>().into()
}

/// The name of the folder that the file lands in, as far as a service may have it.
fn folder_name(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name);
    let name = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // 45 characters are what a ScaledObject's name leaves.
    slug(&name, 45).unwrap_or_else(|| "service".to_owned())
}
