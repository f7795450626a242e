use crate::rules::prelude::*;

declare_rule! {
    /// A suppression hides nothing, names no rule, has no reason, or is past its date.
    ///
    /// ## Why
    /// It would hide the next defect, which nobody has looked at. Without a reason it cannot be reviewed: such a one
    /// hides nothing.
    ///
    /// ## Fix safety
    /// Only what hides nothing goes: the whole comment or annotation, or the name in it that nothing comes of. It stays
    /// where a rule that it names was off, or a part of the file is no YAML, so that more could be found; and one with a
    /// wrong name, without a reason or past its date needs you.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop # slogen: ignore[schema/duplicate-key] the old name is kept for search
    /// ```
    /// ```yaml,fixed
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop
    ///   name: store # slogen: ignore[schema/duplicate-key] the old name is kept for search
    /// ```
    "hygiene/unused-ignore" pub struct UnusedIgnore {}
    severity: Warning, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs what all other rules find"),
}

impl Rule for UnusedIgnore {
    /// The engine reports these itself once it knows what every other rule found: see `rules::suppress`.
    fn check(&self, _: &mut Ctx<'_>) {}
}

cases! {
    no_reason: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b # slogen: ignore[schema/duplicate-key]\n"
        => ["5:11"],
    no_such_rule: "apiVersion: v1 # slogen: ignore[schema/duplicate-keys] why\nkind: ConfigMap\nmetadata: {name: a}\n"
        => ["1:33"],
    past_its_date: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  # slogen: ignore[schema/duplicate-key] until=2020-01-01 why\n  name: b\n"
        => ["5:3"],
    above_the_line: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  # slogen: ignore[schema/duplicate-key] until=2999-01-01 why\n  name: b\n"
        => [],
    for_a_family_and_file: "# slogen: ignore-file[schema] why\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n"
        => [],
    by_annotation: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations: {slogen.dev/ignore: 'schema/duplicate-key: why'}\n  name: b\n  name: c\n"
        => [],
    no_such_day: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  # slogen: ignore[schema/duplicate-key] until=2027-02-41 why\n  name: b\n"
        => ["5:3"],
    the_date_behind_the_reason: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  # slogen: ignore[schema/duplicate-key] why until=2020-01-01\n  name: b\n"
        => ["5:3"],
    for_a_file_at_its_end: "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n# slogen: ignore-file[schema] why\n"
        => ["5:1"],
    for_a_family_without_rules: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a} # slogen: ignore[security] no secrets here\n"
        => [],
    by_annotation_for_nothing: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations: {slogen.dev/ignore: 'schema/duplicate-key: why'}\n  name: b\n"
        => ["4:37"],
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::mend;

    // All rules of a family must run for it to be unused.
    const HEAD: &str = "# lint: extends = \"strict\"\napiVersion: v1\nkind: ConfigMap\n";

    /// What becomes of the metadata of an object.
    fn mended(metadata: &str) -> String {
        let after = mend(&format!("{HEAD}metadata:\n{metadata}"), "hygiene/unused-ignore");
        after.strip_prefix(HEAD).and_then(|it| it.strip_prefix("metadata:\n")).unwrap().to_owned()
    }

    #[test]
    fn what_hides_nothing_goes() {
        for (before, after) in [
            ("  name: a # slogen: ignore[schema] why", "  name: a"),
            ("  # note\n  # slogen: ignore[schema] why\n  name: a\n", "  # note\n  name: a\n"),
            ("  # slogen: ignore[schema/duplicate-key, probes] why\n  name: a\n", "  name: a\n"),
            ("  name: a # slogen: ignore[probes] until=2999-01-01 why\n", "  name: a\n"),
        ] {
            assert_eq!(mended(before), after);
        }
    }

    #[test]
    fn only_the_name_that_hides_nothing_goes() {
        let with = |names: &str| format!("  name: a\n  name: b # slogen: ignore[{names}] why\n");
        for (before, after) in [
            ("schema, probes", "schema"),
            ("probes, schema", "schema"),
            ("alerts, probes,schema", "schema"),
            ("alerts,schema,  probes", "schema"),
            (" schema, alerts, probes ", " schema "),
            ("schema, schema/duplicate-key", "schema, schema/duplicate-key"),
            ("schema, probe, probes", "schema, probe"),
        ] {
            assert_eq!(mended(&with(before)), with(after));
        }
    }

    #[test]
    fn annotations_lose_what_hides_nothing() {
        let with = |value: &str| {
            format!(
                "  annotations:\n    slogen.dev/ignore: {value}\n    b: c\n  name: a\n  name: b\n"
            )
        };
        for (before, after) in [
            ("'schema: why; probes: why'", "'schema: why'"),
            ("\"probes: why; schema: why;\"", "\"schema: why;\""),
            ("'alerts: why; probes: why;schema: it''s so'", "'schema: it''s so'"),
            ("|\n      schema: why; probes: why", "|\n      schema: why"),
            ("'probes: why; schema'", "'schema'"),
        ] {
            assert_eq!(mended(&with(before)), with(after));
        }
        let alone =
            "  annotations: {slogen.dev/ignore: 'alerts: a; probes: b'} # note\n  name: a\n";
        assert_eq!(mended(alone), "  annotations: {} # note\n  name: a\n");
    }

    #[test]
    fn what_needs_a_look_stays() {
        for metadata in [
            "  name: a # slogen: ignore[schema]\n",
            "  name: a # slogen: ignore why\n",
            "  name: a # slogen: ignore[shema] why\n",
            "  name: a # slogen: ignore[schema] until=2020-01-01 why\n",
            "  annotations: {slogen.dev/ignore: 'schema'}\n  name: a\n",
            "  annotations: {slogen.dev/ignore: 'shema: why'}\n  name: a\n",
        ] {
            assert_eq!(mended(metadata), metadata);
        }
    }

    #[test]
    fn what_could_not_be_found_stays_hidden() {
        let broken = "  name: a # slogen: ignore[schema] why\n---\nkind: [\n";
        assert_eq!(mended(broken), broken);
        for name in ["schema", "schema/duplicate-key"] {
            let text = format!("{HEAD}metadata: {{name: a}} # slogen: ignore[{name}] why\n");
            let text = format!("# lint: levels.\"schema/duplicate-key\" = \"off\"\n{text}");
            assert_eq!(mend(&text, "hygiene/unused-ignore"), text);
        }
    }
}
