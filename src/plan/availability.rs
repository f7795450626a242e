//! How pods are spread and protected.

use crate::spec::leaf::{Amount, AntiAffinity, Spread};
use crate::spec::tables::Document;
use crate::spec::validate::pdb_bound;

/// Spread and protection.
#[derive(Debug)]
pub struct Availability {
    /// The budget's bound, if there shall be one.
    pub pdb: Option<Bound>,
    /// What pods are spread over.
    pub spread: Vec<Spread>,
    /// How much they keep away from each other.
    pub anti_affinity: AntiAffinity,
}

/// The bound of a PodDisruptionBudget.
#[derive(Debug)]
pub enum Bound {
    /// So many may be gone.
    MaxUnavailable(Amount),
    /// So many must stay.
    MinAvailable(Amount),
}

impl Availability {
    pub(super) fn new(doc: &Document) -> Self {
        let availability = &doc.availability;
        let pdb = &availability.pdb;
        let bound = match pdb_bound(pdb).first() {
            Some(("max_unavailable", _)) => {
                pdb.max_unavailable.as_ref().map(|bound| Bound::MaxUnavailable(**bound))
            }
            _ => pdb.min_available.as_ref().map(|bound| Bound::MinAvailable(**bound)),
        };
        Self {
            pdb: bound.filter(|_| *doc.outputs.pdb),
            spread: availability.spread.iter().map(|spread| **spread).collect(),
            anti_affinity: *availability.anti_affinity,
        }
    }
}
