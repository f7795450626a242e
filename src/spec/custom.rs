//! `[[lint.custom]]`: rules that users write.

use super::decode::{List, table};
use super::leaf::Gravity;

table! {
    /// A rule of your own: CEL over one object, `false` is a finding.
    CustomRule {
        /// Its name; with the family in front, such as `custom/missing-team`, it stands in reports, levels and
        /// suppressions.
        must name: String;
        /// The kinds that it is about, such as `Deployment` or `apps/Deployment`. Default: all.
        opt kinds: List<String>;
        /// CEL that is true for what is well. `object` is the object, `self` each value at `path`. At most 4 KiB, and
        /// two loops inside one another.
        must expression: String;
        /// What to say where it is false.
        opt message: String;
        /// CEL for what to say; `message` stands in for it where it fails.
        opt message_expression: String;
        /// What to write instead.
        opt help: String;
        /// How bad it is.
        opt severity: Gravity;
        /// Where the finding points, such as `spec.template.spec.containers[*].image`. Default: the object's name.
        opt path: String;
    }
}
