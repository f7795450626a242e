use crate::rules::prelude::*;

declare_rule! {
    /// A suppression hides nothing, names no rule, has no reason, or is past its date.
    ///
    /// ## Why
    /// It would hide the next defect, which nobody has looked at. Without a reason it cannot be reviewed: such a one
    /// hides nothing.
    ///
    /// ## Fix safety
    /// Comments are yours: none is removed.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop # slogen: ignore[schema/duplicate-key] the old name is kept for search
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop
    ///   name: store # slogen: ignore[schema/duplicate-key] the old name is kept for search
    /// ```
    "hygiene/unused-ignore" pub struct UnusedIgnore {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
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
