//! Whole pictures and pages.

use super::*;
use crate::simulate::answer::{Column, Row};
use crate::simulate::summary::{Minute, Quantile, Reached, Stage};

fn summary() -> Summary {
    let stage = |name: &str, from_s, to_s| Stage {
        name: name.to_owned(),
        from_s,
        to_s,
        replicas_min: 3,
        replicas_mean: 4.5,
        replicas_max: 6,
        replicas_end: 6,
        goals: vec![Reached {
            mean_s: Some(0.2),
            worst: Quantile::Saturated,
            above_s: 60.0,
            ..Reached::default()
        }],
        answered: 1000.0,
        pod_hours: 0.5,
        ..Stage::default()
    };
    let minutes = (0..20).map(|at| Minute {
        at_s: f64::from(at) * 60.0,
        offered: f64::from(at) * 10.0,
        replicas: 3 + at / 5,
        ready: 3 + at / 6,
        latency: vec![if at == 7 { Quantile::Saturated } else { Quantile::Seconds(0.2) }],
        ..Minute::default()
    });
    Summary {
        stages: vec![stage("<b>&", 0.0, 600.0), stage("200 users", 600.0, 1200.0)],
        total: stage("total", 0.0, 1200.0),
        minutes: minutes.collect(),
        events: Vec::new(),
        first_bound_s: Vec::new(),
        updates: Vec::new(),
        left_waiting: 0.0,
    }
}

fn shown<'a>(summary: &'a Summary, goals: &'a [Goal], told: &'a [String]) -> Shown<'a> {
    Shown {
        name: "a<b>&\"c",
        goals,
        summary,
        unit: Unit::Users,
        bounds: Some((3, 20)),
        table: table(),
        findings: told,
        assumptions: told.to_vec(),
    }
}

fn table() -> Table {
    let column =
        |group: &str, name| Column { group: group.to_owned(), name, short: name.to_uppercase() };
    Table {
        columns: vec![column("replicas", "min"), column("replicas", "max")],
        rows: vec![Row { name: "<b>&".to_owned(), cells: vec!["3".to_owned(), "6".to_owned()] }],
        total: None,
    }
}

fn goals() -> Vec<Goal> {
    vec![Goal { quantile: 0.95, below_s: 0.35, short: "p95".to_owned() }]
}

#[test]
fn a_picture_is_xml_with_axes_target_and_legend() {
    let (summary, goals, told) = (summary(), goals(), vec!["5 < 6 & so on".to_owned()]);
    let text = svg(&shown(&summary, &goals, &told));
    let document = roxmltree::Document::parse(&text).unwrap();
    let words: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    let all = words.join(" ");
    for word in ["a<b>&\"c", "users", "replicas", "p95", "350 ms", "200 users"] {
        assert!(all.contains(word), "no `{word}` in {all}");
    }
    assert!(
        document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "path")))
            .count()
            > 2
    );
}

#[test]
fn a_page_needs_nothing_else() {
    let (summary, goals, told) = (summary(), goals(), vec!["5 < 6 & so on".to_owned()]);
    let text = html(&shown(&summary, &goals, &told));
    let body = text.strip_prefix("<!DOCTYPE html>\n").unwrap();
    roxmltree::Document::parse(body).unwrap();
    for outside in ["<script", "src=", "@import"] {
        assert!(!text.contains(outside), "{outside}");
    }
    // Patterns are of the page itself.
    assert!(text.match_indices("url(").all(|(at, _)| text[at..].starts_with("url(#")));
    assert!(text.contains("5 &lt; 6 &amp; so on"));
    assert!(text.contains("saturated"));
    assert_eq!(text.matches("<b>").count(), 0);
}

#[test]
fn long_runs_stay_small() {
    let (mut summary, goals) = (summary(), goals());
    summary.minutes = (0..40_320)
        .map(|at| Minute {
            at_s: f64::from(at) * 60.0,
            offered: f64::from(at % 97),
            latency: vec![Quantile::Seconds(if at == 20_001 { 9.87 } else { 0.2 })],
            ..Minute::default()
        })
        .collect();
    summary.total.to_s = 40_320.0 * 60.0;
    let text = html(&shown(&summary, &goals, &[]));
    assert!(text.len() < 300_000, "{}", text.len());
}
