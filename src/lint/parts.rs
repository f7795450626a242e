//! What is said of a part of the files, with `--partial` and with `--per-file`, is said of the whole too: over every
//! example there is, every recorded manifest, and fleets with and without mistakes.

#[cfg(test)]
#[path = "../../tests/common/fleet.rs"]
mod fleet;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::fleet;
    use crate::cluster::{Declared, World};
    use crate::finding::{Object, Severity};
    use crate::lint::example::Example;
    use crate::lint::{Options, Outcome, Source, lint, per_file};
    use crate::rules::{Basis, RULES};
    use crate::source::Files;

    type Linter = fn(&Files, &[Source], &[Declared], &Options) -> Outcome;

    /// Files with their names; each is an `Example` of its own or together with others.
    #[derive(Clone, Debug)]
    struct Set {
        name: String,
        head: String,
        files: Vec<(String, String)>,
        ignores: bool,
    }

    /// Which finding it is, in terms that do not depend on what else was given.
    type Id = (&'static str, Option<Object>, String, usize, String);

    impl Set {
        /// The files of an example, one for each document.
        fn split(name: String, text: &str) -> Self {
            let mut set = Self { name, head: String::new(), files: Vec::new(), ignores: true };
            let (mut file, mut is_slo) = ("input.yaml".to_owned(), false);
            let mut part = String::new();
            for line in text.split_inclusive('\n').chain(["# file: end.yaml\n"]) {
                if line.starts_with("# lint: ") {
                    set.head += line;
                    continue;
                }
                let next = line.strip_prefix("# file: ");
                if (next.is_some() || line.trim_end() == "---") && !part.is_empty() {
                    let text = std::mem::take(&mut part);
                    let index = set.files.len();
                    if is_slo {
                        set.head.extend(["# file: slo.toml\n", &text]);
                    } else {
                        // In the order of their documents, also where paths are sorted.
                        set.files.push((format!("{index:03}-{file}"), text));
                    }
                }
                if let Some(next) = next {
                    next.trim().clone_into(&mut file);
                    is_slo = file == "slo.toml";
                } else if line.trim_end() != "---" {
                    part += line;
                }
            }
            // A suppression for a whole file is at its start only.
            set.ignores = !text.contains("ignore-file");
            if !set.head.contains("extends") {
                set.head += "# lint: extends = [\"strict\", \"security\"]\n";
            }
            set
        }

        /// Those of the files that `chosen` holds.
        fn example(&self, chosen: &[bool]) -> Example {
            let mut text = self.head.clone();
            for ((name, part), _) in self.files.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
                text.extend(["# file: ", name, "\n", part]);
                if !part.ends_with('\n') {
                    text.push('\n');
                }
            }
            Example::split(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
        }

        fn run(&self, chosen: &[bool], world: World, lint: Linter) -> BTreeMap<Id, Severity> {
            let example = self.example(chosen);
            let all: Vec<_> = RULES.iter().map(|entry| entry.meta.name).collect();
            let mut options = example.options(&all).unwrap();
            options.settings.world = world;
            options.ignores = self.ignores;
            let outcome = lint(&example.files, &example.sources, &example.slo, &options);
            let found = outcome.findings.iter().map(|finding| {
                let file = example.files.get(finding.primary.span.file);
                let start = finding.primary.span.start as usize;
                let object = finding.object.clone();
                let message = if names_one_of_several(finding.rule) {
                    String::new()
                } else {
                    finding.message.clone()
                };
                ((finding.rule, object, file.name.clone(), start, message), finding.severity)
            });
            found.collect()
        }

        fn lint(&self, chosen: &[bool], world: World) -> BTreeMap<Id, Severity> {
            self.run(chosen, world, lint)
        }

        /// Everything that is said of `part` and not of `whole`.
        fn invented(&self, part: &[bool], whole: &[bool]) -> Vec<String> {
            let said = self.lint(part, World::Partial);
            let mut invented = Vec::new();
            for world in [World::Partial, World::Open, World::Closed] {
                let known = self.lint(whole, world);
                for (id, severity) in &said {
                    // An error of the whole may be no more than a warning while others may be missing.
                    if known.get(id).is_none_or(|known| known > severity) {
                        let (rule, object, file, at, message) = id;
                        let object = object.as_ref().map_or("", |object| &object.name);
                        invented.push(format!(
                            "{}: {world:?}: {file}@{at} {object} {severity:?} {rule}: {message}",
                            self.name
                        ));
                    }
                }
            }
            invented
        }
    }

    /// Where several objects play the same part, a message may name any of them, and another one of a part.
    fn names_one_of_several(rule: &str) -> bool {
        crate::rules::find(rule).is_some_and(|entry| entry.meta.basis == Basis::Together)
    }

    /// The texts of examples and cases.
    fn examples() -> Vec<Set> {
        let mut sets = Vec::new();
        for entry in RULES {
            let rule = entry.meta.name;
            for info in ["yaml,bad", "yaml,good", "yaml,fixed"] {
                for (index, text) in entry.meta.examples(info).iter().enumerate() {
                    sets.push(Set::split(format!("{rule} {info} {index}"), text));
                }
            }
            for case in entry.cases {
                sets.push(Set::split(format!("{rule} {}", case.name), case.text));
            }
        }
        sets
    }

    /// What slogen renders, and manifests of others.
    fn recorded() -> Vec<Set> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let mut sets = Vec::new();
        for case in fs::read_dir(tests.join("golden")).unwrap() {
            let folder = case.unwrap().path().join("expected");
            let mut text = String::new();
            for file in fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|it| it == "yaml") {
                    text.extend(["---\n", &fs::read_to_string(path).unwrap(), "\n"]);
                }
            }
            sets.push(Set::split(folder.display().to_string(), &text));
        }
        for file in fs::read_dir(tests.join("manifests")).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            sets.push(Set::split(path.display().to_string(), &text));
        }
        assert!(sets.len() > 20);
        sets
    }

    /// Services side by side, one of them with something left out or changed.
    fn fleets() -> Vec<Set> {
        let changes = [
            ("requests: { cpu: 250m, memory: 512Mi }", "requests: {}"),
            ("limits: { memory: 512Mi }", "limits: { memory: 256Mi }"),
            ("failureThreshold: 24", "failureThreshold: 2"),
            ("path: /ready, port: http", "path: /ready, port: htpp"),
            ("readinessProbe: {", "otherProbe: {"),
            ("terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 10"),
            ("strategy:", "replicas: 3\n  strategy:"),
            ("maxUnavailable: 0", "maxUnavailable: 100%"),
            ("selector: { app: NAME }", "selector: { app: NAME-old }"),
            ("targetPort: http", "targetPort: web"),
            ("minReplicas: 3", "minReplicas: 30"),
            ("minReplicas: 3", "minReplicas: 1"),
            ("kind: Deployment\n    name: NAME", "kind: Deployment\n    name: NAMES"),
            ("minAvailable: 2", "minAvailable: 100%"),
            ("minAvailable: 2", "maxUnavailable: 0"),
            ("port: http\n      interval", "port: web\n      interval"),
            ("sum by (le, pod)", "sum by (pod)"),
            ("[2m]", "[20s]"),
            ("> 0.01", "> 1.01"),
            ("app: NAME", "app: all"),
        ];
        let set = |(right, wrong): &(&str, &str)| {
            let mut text = String::new();
            for index in 0..3 {
                for (file, part) in fleet::FILES {
                    let part =
                        if index == 1 { part.replace(right, wrong) } else { part.to_owned() };
                    let name = fleet::name(index);
                    text.extend(["# file: ", &name, "/", file, "\n", &fleet::filled(&part, index)]);
                }
            }
            Set::split(format!("fleet with {wrong}"), &text)
        };
        changes.iter().map(set).collect()
    }

    static SETS: LazyLock<Vec<Set>> = LazyLock::new(|| [examples(), recorded(), fleets()].concat());

    fn complain(invented: &[String]) {
        let (count, some) = (invented.len(), invented.iter().take(20));
        let some: Vec<_> = some.map(String::as_str).collect();
        assert!(count == 0, "{count} findings are not of the whole:\n{}", some.join("\n"));
    }

    #[test]
    fn each_file_says_what_the_whole_says() {
        let mut invented = Vec::new();
        for set in SETS.iter() {
            let all = vec![true; set.files.len()];
            for index in 0..set.files.len() {
                let mut one = vec![false; set.files.len()];
                one[index] = true;
                invented.extend(set.invented(&one, &all));
            }
            invented.extend(set.invented(&all, &all));
        }
        complain(&invented);
    }

    /// What one text holds, in files of its own each, is no more than what the text as a whole is told.
    #[test]
    fn documents_apart_say_what_the_file_says() {
        let mut invented = BTreeSet::new();
        for set in SETS.iter().filter(|set| !set.name.starts_with("fleet")) {
            let all = vec![true; set.files.len()];
            let apart = set.lint(&all, World::Partial);
            let joined: Vec<_> = set.files.iter().map(|(_, text)| text.as_str()).collect();
            let mut joined_set = set.clone();
            joined_set.files = vec![("all.yaml".to_owned(), joined.join("\n---\n"))];
            for world in [World::Partial, World::Open] {
                let known = joined_set.lint(&[true], world);
                let known: BTreeSet<_> = known
                    .into_keys()
                    .map(|(rule, object, _, _, message)| (rule, object, message))
                    .collect();
                for (rule, object, _, _, message) in apart.keys() {
                    if !known.contains(&(*rule, object.clone(), message.clone())) {
                        invented.insert(format!("{}: {world:?} {rule}: {message}", set.name));
                    }
                }
            }
        }
        complain(&invented.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_file_by_itself_does_not_see_the_others() {
        for set in SETS.iter() {
            let all = vec![true; set.files.len()];
            let found = set.run(&all, World::Partial, per_file);
            let mut alone = BTreeMap::new();
            for index in 0..set.files.len() {
                let mut one = vec![false; set.files.len()];
                one[index] = true;
                alone.extend(set.lint(&one, World::Partial));
            }
            assert_eq!(found, alone, "{}", set.name);
        }
    }

    /// What an object, or some of them, prove is not kept back.
    #[test]
    fn what_is_proven_is_told() {
        let (mut told, mut expected) = (BTreeSet::new(), BTreeSet::new());
        for set in SETS.iter() {
            let all = vec![true; set.files.len()];
            told.extend(set.lint(&all, World::Partial).into_keys().map(|id| id.0));
        }
        for entry in RULES.iter().filter(|entry| entry.meta.basis != Basis::Absence) {
            expected.insert(entry.meta.name);
        }
        // It is about objects of one file, and here each has one of its own.
        expected.remove("schema/duplicate-object");
        let silent: Vec<_> = expected.difference(&told).collect();
        assert!(silent.is_empty(), "nothing is told by {silent:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_part_says_what_more_files_say(
            set in any::<prop::sample::Index>(),
            part in prop::collection::vec(any::<bool>(), 32),
            more in prop::collection::vec(any::<bool>(), 32),
        ) {
            let set = &SETS[set.index(SETS.len())];
            let of = |chosen: &[bool]| -> Vec<bool> {
                (0..set.files.len()).map(|index| chosen[index % chosen.len()]).collect()
            };
            let part = of(&part);
            let whole: Vec<bool> = part.iter().zip(of(&more)).map(|(one, other)| *one || other).collect();
            let invented = set.invented(&part, &whole);
            prop_assert!(invented.is_empty(), "{}", invented.join("\n"));
        }
    }
}
