//! A pattern search on a grid: what is better is looked for along each axis in steps of growing length, then along
//! each pair of axes (Hooke and Jeeves: "Direct search", Journal of the ACM 8, 1961, with every look remembered).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::space::Point;

/// Steps along one axis, and along two at once.
const FAR: [usize; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
const NEAR: [usize; 2] = [1, 3];

/// The points that were looked at, and what was found; `None` where there is nothing.
pub(super) type Seen<S> = BTreeMap<Point, Option<S>>;

/// A search that remembers.
pub(super) struct Search<'e, S> {
    sizes: Vec<usize>,
    evaluate: &'e (dyn Fn(&Point) -> Option<S> + Sync),
    seen: Seen<S>,
    /// How many more points are looked at.
    left: usize,
}

impl<'e, S: Copy + Send> Search<'e, S> {
    /// On a grid with so many values an axis, with at most `most` looks.
    pub(super) fn new(
        sizes: Vec<usize>,
        most: usize,
        evaluate: &'e (dyn Fn(&Point) -> Option<S> + Sync),
    ) -> Self {
        Self { sizes, evaluate, seen: Seen::new(), left: most }
    }

    /// What was seen.
    pub(super) fn seen(&self) -> &Seen<S> {
        &self.seen
    }

    /// What is at `point`, if it can be looked at.
    pub(super) fn at(&mut self, point: &Point) -> Option<S> {
        self.look(vec![point.clone()]);
        self.seen.get(point).copied().flatten()
    }

    /// The best point that can be reached from `start`; `value` is smaller for better.
    pub(super) fn descend<V: PartialOrd>(
        &mut self,
        start: &Point,
        pairs: bool,
        value: impl Fn(&S) -> V,
    ) -> Point {
        let mut here = start.clone();
        self.look(vec![here.clone()]);
        loop {
            let mut moved = false;
            for axis in 0..self.sizes.len() {
                moved |= self.best_of(&mut here, &|from| moves_along(from, axis, &FAR), &value);
            }
            if !moved && pairs {
                let axes = self.sizes.len();
                let both = |from: &Point| {
                    (0..axes)
                        .flat_map(|one| (one + 1..axes).map(move |other| (one, other)))
                        .flat_map(|(one, other)| {
                            moves_along(from, one, &NEAR)
                                .into_iter()
                                .flat_map(move |moved| moves_along(&moved, other, &NEAR))
                        })
                        .collect()
                };
                moved = self.best_of(&mut here, &both, &value);
            }
            if !moved || self.left == 0 {
                return here;
            }
        }
    }

    /// Goes to the best of the points that `moves` leads to, if one is better than `here`.
    fn best_of<V: PartialOrd>(
        &mut self,
        here: &mut Point,
        moves: &dyn Fn(&Point) -> Vec<Point>,
        value: &impl Fn(&S) -> V,
    ) -> bool {
        let inside = |point: &Point| point.iter().zip(&self.sizes).all(|(at, size)| at < size);
        let around: Vec<Point> = moves(here).into_iter().filter(inside).collect();
        self.look(around.clone());
        let value_at =
            |point: &Point| self.seen.get(point).copied().flatten().map(|found| value(&found));
        let mut best = value_at(here);
        let mut found = None;
        for point in around {
            let Some(there) = value_at(&point) else { continue };
            if best.as_ref().is_none_or(|best| there < *best) {
                best = Some(there);
                found = Some(point);
            }
        }
        found.map(|point| *here = point).is_some()
    }

    /// Looks at those of `points` that were not seen yet, on all cores.
    fn look(&mut self, mut points: Vec<Point>) {
        points.sort_unstable();
        points.dedup();
        points.retain(|point| !self.seen.contains_key(point));
        points.truncate(self.left);
        self.left -= points.len();
        let evaluate = self.evaluate;
        let found: Vec<(Point, Option<S>)> = points
            .into_par_iter()
            .map(|point| {
                let found = evaluate(&point);
                (point, found)
            })
            .collect();
        self.seen.extend(found);
    }
}

/// Points along `axis`, so many steps away; some are off the grid.
fn moves_along(from: &Point, axis: usize, steps: &[usize]) -> Vec<Point> {
    let at = from.get(axis).copied().unwrap_or_default();
    let to = |at: usize| {
        let mut point = from.clone();
        if let Some(place) = point.get_mut(axis) {
            *place = at;
        }
        point
    };
    steps
        .iter()
        .flat_map(|step| [at.checked_sub(*step), at.checked_add(*step)])
        .flatten()
        .map(to)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_valley_is_found_and_no_point_is_seen_twice() {
        let looks = AtomicUsize::new(0);
        // Neither axis alone leads down the diagonal valley.
        let evaluate = |point: &Point| {
            looks.fetch_add(1, Ordering::Relaxed);
            Some(point[0].abs_diff(point[1]) * 10 + point[0].abs_diff(40))
        };
        let mut search = Search::new(vec![100, 60], 100_000, &evaluate);
        assert_eq!(search.descend(&vec![3, 5], true, |found| *found), [40, 40]);
        assert_eq!(looks.load(Ordering::Relaxed), search.seen().len());
    }

    #[test]
    fn it_ends_where_it_may_look_no_more() {
        let evaluate = |point: &Point| Some(usize::MAX - point[0]);
        let mut search = Search::new(vec![1_000_000], 10, &evaluate);
        search.descend(&vec![0], true, |found| *found);
        assert!(search.seen().len() <= 10);
        assert_eq!(search.at(&vec![999]), None);
    }

    #[test]
    fn what_cannot_be_is_gone_around() {
        let evaluate = |point: &Point| point[0].is_multiple_of(2).then_some(point[0]);
        let mut search = Search::new(vec![64], 1000, &evaluate);
        assert_eq!(search.descend(&vec![33], false, |found| *found), [0]);
        assert_eq!(search.at(&vec![33]), None);
    }
}
