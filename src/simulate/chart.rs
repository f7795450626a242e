//! A run as a picture and as a page for the browser: SVG and HTML that need nothing else, no network and no script.

mod course;
mod html;
mod legend;
mod markup;
mod panels;
mod picture;
mod scale;
mod style;

use super::answer::Table;
use super::load::{Load, Unit};
use super::scenario::{Goal, Scaler, Scenario};
use super::summary::Summary;
use super::why;
use picture::Canvas;

/// What is shown of a run.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// Name of the service.
    pub name: &'a str,
    /// Its latency targets, in the order of the summary's.
    pub goals: &'a [Goal],
    /// What the run came to.
    pub summary: &'a Summary,
    /// What the load counts.
    pub unit: Unit,
    /// The fewest and the most replicas that the autoscaler may ask for; `None` without one.
    pub bounds: Option<(i32, i32)>,
    /// Its stages in figures.
    pub table: Table,
    /// What the run tells, in sentences.
    pub findings: &'a [String],
    /// What was taken for granted.
    pub assumptions: Vec<String>,
}

impl<'a> Shown<'a> {
    /// What is to be shown of the run of `scenario` under `load`.
    pub fn new(
        scenario: &'a Scenario,
        load: &Load,
        summary: &'a Summary,
        findings: &'a [String],
    ) -> Self {
        let bounds = match &scenario.scaler {
            Scaler::Fixed => None,
            Scaler::Auto(auto) => Some((auto.spec.min, auto.spec.max)),
        };
        Self {
            name: &scenario.name,
            goals: &scenario.goals,
            summary,
            unit: load.unit(),
            bounds,
            table: Table::new(scenario, load.unit(), summary),
            findings,
            assumptions: why::assumptions(scenario, load.unit()),
        }
    }
}

/// A picture of load, replicas and latency over one time axis: an SVG file.
pub fn svg(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    picture::picture(shown, Canvas::FILE).write(&mut out);
    out.push('\n');
    out
}

/// The picture with a table of the stages, what decides, and what was taken for granted: an HTML file.
pub fn html(shown: &Shown<'_>) -> String {
    let mut out = "<!DOCTYPE html>\n".to_owned();
    html::page(shown).write(&mut out);
    out.push('\n');
    out
}

#[cfg(test)]
mod tests;
