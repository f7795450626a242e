//! `[availability]`.

use super::{conflict, exactly_one, floor, last_layer, unique, written};
use crate::source::Span;
use crate::spec::decode::Decoder;
use crate::spec::tables::{Document, Pdb};

pub(super) fn availability(doc: &Document, cx: &mut Decoder) {
    let availability = &doc.availability;
    if doc.outputs.pdb.ok() == Some(&true) {
        let found = pdb_bound(&availability.pdb);
        exactly_one(availability.pdb.at, &found, "`max_unavailable` and `min_available`", cx);
        if let ([(bound, _)], Some(floor)) = (found.as_slice(), floor(doc)) {
            blocked_drain(&availability.pdb, bound, floor.max(1), cx);
        }
    }
    if let Some(spread) = availability.spread.ok() {
        unique(spread.iter().map(|s| (s.word(), s.span, format!("`{}`", s.word()))), cx);
    }
    if let (Some(grace), Some(drain)) = (&availability.termination_grace, availability.drain.ok()) {
        // rules.md, rollout/prestop-exceeds-grace: less than 5 s for SIGTERM is an error waiting to happen.
        if grace.get() < drain.get().saturating_add(5) {
            cx.report(
                conflict(
                    grace.span,
                    format!(
                        "{} of grace leave the process less than 5s after draining for {drain}",
                        **grace
                    ),
                )
                .label(availability.drain.span, "the preStop sleep runs inside the grace period")
                .help(format!(
                    "write at least `\"{}s\"`, or leave it out",
                    drain.get().saturating_add(30)
                )),
            );
        }
    }
}

/// The bound of the PodDisruptionBudget that counts.
pub(crate) fn pdb_bound(pdb: &Pdb) -> Vec<(&'static str, Span)> {
    last_layer([
        written(pdb.max_unavailable.as_ref(), "max_unavailable"),
        written(pdb.min_available.as_ref(), "min_available"),
    ])
}

fn blocked_drain(pdb: &Pdb, bound: &str, floor: i32, cx: &mut Decoder) {
    let (value, blocks) = match (bound, &pdb.max_unavailable, &pdb.min_available) {
        ("max_unavailable", Some(value), _) => (value, value.of_up(floor) == 0),
        (_, _, Some(value)) => (value, value.of_up(floor) >= floor),
        _ => return,
    };
    if blocks {
        let pods = if floor == 1 { "1 pod".to_owned() } else { format!("{floor} pods") };
        cx.report(
            conflict(value.span, format!("with {pods} this budget lets none of them go"))
                .help("drains of nodes would hang; write `pdb = { max_unavailable = 1 }`, or `outputs.pdb = false`"),
        );
    }
}
