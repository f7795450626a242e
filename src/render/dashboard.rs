//! The Grafana dashboard: targets as lines, and what was measured against them.

mod model;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Number;

use crate::plan::Plan;
use crate::plan::scaling::{Autoscaler, Scaling};
use crate::plan::slo::{Indicator, Slo};
use crate::plan::targets::{InFlight, Latency};
use crate::promql::{slo, view};
use crate::source::sha256;
use crate::units::{Decimal, plain};

use super::metadata;
use model::{
    Annotation, Choice, Color, Dashboard, DataSource, Drawing, Field, FieldConfig, GridPos, Kind,
    Legend, Many, Panel, Reduce, SCHEMA_VERSION, StatOptions, Step, Target, Thresholds,
    ThresholdsStyle, TimeRange, TimeseriesOptions, Tooltip, Variable, VariableType,
};

/// The label by which Grafana's sidecar finds dashboards (grafana chart, `sidecar.dashboards.label`).
pub(super) const LABEL: &str = "grafana_dashboard";

const GREEN: &str = "green";
const ORANGE: &str = "orange";
const RED: &str = "red";
const BLUE: &str = "blue";

/// Columns of a dashboard.
const WIDTH: u32 = 24;

/// The ConfigMap from which Grafana's sidecar takes the dashboard.
pub(super) fn config_map(plan: &Plan<'_>) -> Result<ConfigMap, String> {
    let text =
        serde_json::to_string_pretty(&dashboard(plan)?).map_err(|error| error.to_string())?;
    let mut metadata = metadata::object(plan, &plan.names.dashboard);
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(LABEL.to_owned(), "1".to_owned());
    let file = format!("{}-slo.json", plan.names.service);
    Ok(ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(file, text + "\n")])),
        ..ConfigMap::default()
    })
}

fn dashboard(plan: &Plan<'_>) -> Result<Dashboard, String> {
    let (namespace, service) = (&plan.spec.doc.service.namespace.0, &plan.names.service);
    Ok(Dashboard {
        uid: uid(namespace, service),
        // Grafana wants titles to be unique in a folder, and services are in a namespace only.
        title: format!("{namespace} / {service}: service level objectives"),
        description: "Written by slogen from slo.toml: change that, not this dashboard.".to_owned(),
        tags: ["slogen", "slo", service].map(str::to_owned).to_vec(),
        schema_version: SCHEMA_VERSION,
        editable: true,
        graph_tooltip: 1,
        refresh: "30s".to_owned(),
        time: TimeRange { from: "now-6h".to_owned(), to: "now".to_owned() },
        timezone: "browser".to_owned(),
        templating: Many { list: variables(namespace) },
        annotations: Many { list: annotations(plan) },
        panels: panels(plan)?,
    })
}

/// The same for ever, whatever else changes; and within Grafana's 40 characters, however long the names are.
fn uid(namespace: &str, service: &str) -> String {
    let digest = sha256(&format!("{namespace}/{service}"));
    format!("slogen-{}", &digest[..32])
}

fn variables(namespace: &str) -> Vec<Variable> {
    let choice =
        |value: &str| Choice { selected: true, text: value.to_owned(), value: value.to_owned() };
    let variable = |name: &str, label: &str, r#type, query: &str| Variable {
        name: name.to_owned(),
        label: label.to_owned(),
        description: None,
        r#type,
        query: query.to_owned(),
        current: choice(query),
        options: Vec::new(),
        multi: false,
        include_all: false,
    };
    vec![
        Variable {
            // Whichever is the default one in this Grafana.
            current: choice("default"),
            ..variable("datasource", "Data source", VariableType::Datasource, "prometheus")
        },
        // Not a query: it would find nothing exactly when metrics are gone, and take every panel with it.
        Variable {
            description: Some(
                "Where the service runs in further namespaces under the same name, add them, separated by commas. The lines of targets are those of the first one."
                    .to_owned(),
            ),
            options: vec![choice(namespace)],
            ..variable("namespace", "Namespace", VariableType::Custom, namespace)
        },
    ]
}

fn data_source() -> DataSource {
    DataSource { r#type: "prometheus".to_owned(), uid: "${datasource}".to_owned() }
}

/// What happened, across all panels.
fn annotations(plan: &Plan<'_>) -> Vec<Annotation> {
    // The distance of the points that Grafana asks for, and of those that are compared.
    let (step, seconds) = ("1m", "60s");
    let event = |name: &str, color: &str, expr: &str, text: &str| Annotation {
        name: name.to_owned(),
        datasource: data_source(),
        enable: true,
        icon_color: color.to_owned(),
        expr: view::for_grafana(plan, expr),
        step: seconds.to_owned(),
        title_format: name.to_owned(),
        text_format: text.to_owned(),
    };
    let mut all = Vec::new();
    if matches!(plan.scaling, Scaling::Auto(_)) {
        let hpa = &plan.names.hpa;
        all.push(event("Scaled up", BLUE, &view::grew(plan, step), hpa));
        all.push(event("Scaled down", GREEN, &view::shrank(plan, step), hpa));
    }
    if !plan.slos.is_empty() {
        all.push(event("Alert", RED, &view::firing(plan), "{{alertname}} ({{severity}}, {{slo}})"));
    }
    all
}

fn panels(plan: &Plan<'_>) -> Result<Vec<Panel>, String> {
    let mut grid = Grid { plan, panels: Vec::new(), x: 0, y: 0, height: 0 };
    if !plan.slos.is_empty() {
        grid.budgets()?;
    }
    for target in &plan.targets.latency {
        grid.latency(target)?;
    }
    for slo in plan.slos.iter().filter(|slo| matches!(slo.indicator, Indicator::Errors)) {
        grid.errors(slo)?;
    }
    if let Some(target) = &plan.targets.in_flight {
        grid.in_flight(target)?;
    }
    grid.replicas()?;
    if matches!(plan.scaling, Scaling::Auto(_)) {
        grid.scaling_events()?;
    }
    for slo in &plan.slos {
        grid.burn_rate(slo)?;
    }
    Ok(grid.panels)
}

/// Panels in rows, as they come.
struct Grid<'a> {
    plan: &'a Plan<'a>,
    panels: Vec<Panel>,
    x: u32,
    y: u32,
    /// Of the row that is being filled.
    height: u32,
}

/// What tells one panel from another.
struct Content<'a> {
    title: String,
    description: String,
    unit: &'a str,
    kind: Kind,
    /// Legends and queries.
    queries: Vec<(String, String)>,
    /// Colours from values on, lowest first; `None` is below all values.
    steps: Vec<(&'a str, Option<Decimal>)>,
    color: &'a str,
    min: Option<Decimal>,
    max: Option<Decimal>,
    drawing: Option<Drawing>,
}

impl Grid<'_> {
    /// Puts a panel of half or full width into the grid.
    fn add(&mut self, width: u32, height: u32, content: Content<'_>) -> Result<(), String> {
        if self.x + width > WIDTH {
            (self.x, self.y, self.height) = (0, self.y + self.height, 0);
        }
        let grid_pos = GridPos { x: self.x, y: self.y, w: width, h: height };
        (self.x, self.height) = (self.x + width, self.height.max(height));
        let steps = content.steps.into_iter().map(|(color, value)| {
            Ok(Step { color: color.to_owned(), value: value.map(number).transpose()? })
        });
        let queries = (1..).zip(content.queries).map(|(at, (legend, expr))| Target {
            ref_id: format!("Q{at}"),
            datasource: data_source(),
            editor_mode: "code".to_owned(),
            expr,
            legend_format: legend,
            range: true,
        });
        self.panels.push(Panel {
            id: u32::try_from(self.panels.len()).map_err(|error| error.to_string())? + 1,
            title: content.title,
            description: content.description,
            kind: content.kind,
            datasource: data_source(),
            grid_pos,
            field_config: FieldConfig {
                defaults: Field {
                    unit: content.unit.to_owned(),
                    min: content.min.map(number).transpose()?,
                    max: content.max.map(number).transpose()?,
                    color: Color { mode: content.color.to_owned() },
                    thresholds: Thresholds {
                        mode: "absolute".to_owned(),
                        steps: steps.collect::<Result<_, String>>()?,
                    },
                    custom: content.drawing,
                },
                overrides: [],
            },
            targets: queries.collect(),
        });
        Ok(())
    }

    /// A query with its legend, for the namespace that is chosen.
    fn query(&self, legend: impl Into<String>, expr: &str) -> (String, String) {
        (legend.into(), view::for_grafana(self.plan, expr))
    }

    fn budgets(&mut self) -> Result<(), String> {
        let queries = self.plan.slos.iter().map(|objective| {
            self.query(&objective.name, &slo::recorded(slo::BUDGET_REMAINING, objective))
        });
        let content = Content {
            title: "Error budget left".to_owned(),
            description: format!(
                "The share of the budget for {} that is not spent; below 0 the objective is broken.",
                *self.plan.spec.doc.targets.window
            ),
            unit: "percentunit",
            kind: Kind::Stat(StatOptions {
                color_mode: "value".to_owned(),
                graph_mode: "area".to_owned(),
                text_mode: "value_and_name".to_owned(),
                reduce_options: Reduce {
                    calcs: vec!["lastNotNull".to_owned()],
                    fields: String::new(),
                    values: false,
                },
            }),
            queries: queries.collect(),
            steps: vec![(RED, None), (GREEN, Some(Decimal::ZERO))],
            // From red to green, since no share in between is a limit.
            color: "continuous-RdYlGr",
            min: Some(Decimal::ZERO),
            max: Some(Decimal::ONE),
            drawing: None,
        };
        self.add(WIDTH, 4, content)
    }

    fn latency(&mut self, target: &Latency) -> Result<(), String> {
        let plan = self.plan;
        let percentile = plain(target.percentile);
        let queries = vec![
            self.query("all requests (what the alert sees)", &view::latency(plan, target)),
            self.query("{{pod}}", &view::latency_of_pods(plan, target)),
        ];
        let content = Content {
            unit: "s",
            steps: limit(target.below.seconds()),
            ..lines(
                format!("P{percentile} latency, target below {}", target.below),
                "Each pod, and all requests together. An autoscaler sees the mean over the pods.",
                queries,
            )
        };
        self.add(WIDTH / 2, 8, content)
    }

    fn errors(&mut self, objective: &Slo) -> Result<(), String> {
        let queries = vec![self.query("failed", &view::share(objective))];
        let below = plain(objective.budget * Decimal::ONE_HUNDRED);
        let content = Content {
            unit: "percentunit",
            steps: limit(objective.budget),
            ..lines(
                format!("Errors, target below {below}%"),
                "The share of requests that failed over 5 minutes; nothing where there were none.",
                queries,
            )
        };
        self.add(WIDTH / 2, 8, content)
    }

    fn in_flight(&mut self, target: &InFlight) -> Result<(), String> {
        let queries = vec![self.query("{{pod}}", &view::in_flight_of_pods(self.plan, target))];
        let content = Content {
            steps: limit(target.per_pod),
            ..lines(
                format!("Requests in flight per pod, target {}", plain(target.per_pod)),
                "The target is one for the mean over the pods.",
                queries,
            )
        };
        self.add(WIDTH / 2, 8, content)
    }

    fn replicas(&mut self) -> Result<(), String> {
        let plan = self.plan;
        let mut queries = vec![self.query("ready", &view::ready_pods(plan))];
        let (title, steps) = match &plan.scaling {
            Scaling::Fixed(count) => {
                let steps = vec![(RED, None), (GREEN, Some(Decimal::from(*count)))];
                (format!("Pods, always {count}"), steps)
            }
            Scaling::Auto(autoscaler) => {
                let Autoscaler { min, max, .. } = autoscaler.as_ref();
                queries.push(self.query("running", &view::replicas(plan)));
                queries.push(self.query("wanted", &view::wanted_replicas(plan)));
                let mut steps = vec![(RED, None), (GREEN, Some(Decimal::from(*min)))];
                steps.push((ORANGE, Some(Decimal::from(*max))));
                (format!("Pods, {min} to {max}"), steps)
            }
        };
        let content = Content {
            steps,
            drawing: Some(drawing("line", "stepAfter", "dashed")),
            ..lines(title, "At the upper line the fleet cannot grow any more.", queries)
        };
        self.add(WIDTH / 2, 8, content)
    }

    fn scaling_events(&mut self) -> Result<(), String> {
        let queries = vec![("pods added".to_owned(), view::scaled_for_grafana(self.plan))];
        let content = Content {
            steps: vec![(BLUE, None)],
            min: None,
            drawing: Some(drawing("bars", "linear", "off")),
            ..lines(
                "Scaling events".to_owned(),
                "By how many pods the autoscaler changed the fleet; below 0 it shrank.",
                queries,
            )
        };
        self.add(WIDTH / 2, 8, content)
    }

    fn burn_rate(&mut self, objective: &Slo) -> Result<(), String> {
        let now = slo::recorded(slo::CURRENT_BURN_RATE, objective);
        let mut queries = vec![self.query("5m", &now)];
        let mut steps = vec![(GREEN, None)];
        for tier in &objective.tiers {
            let legend = format!("{} ({})", tier.long, tier.name);
            queries.push(self.query(legend, &slo::burn_rate(objective, tier.long)));
            let wakes = tier.severity == self.plan.spec.doc.alerts.severity_page.0;
            steps.push((if wakes { RED } else { ORANGE }, Some(tier.factor)));
        }
        if objective.tiers.is_empty() {
            steps.push((ORANGE, Some(Decimal::ONE)));
        }
        // Lowest first, as Grafana wants them; of two at the same value, the one that wakes someone.
        steps.sort_by_key(|(color, value)| (*value, *color != RED));
        steps.dedup_by_key(|(_, value)| *value);
        let content = Content {
            steps,
            ..lines(
                format!("Burn rate of {}", objective.name),
                "How many times faster than sustainable the budget is spent. Lines: where alerts fire, red those that page; each needs its long window, shown here, and its short one.",
                queries,
            )
        };
        self.add(WIDTH / 2, 8, content)
    }
}

/// A panel of lines from 0 on, with a dashed line at each threshold.
fn lines<'a>(title: String, description: &str, queries: Vec<(String, String)>) -> Content<'a> {
    Content {
        title,
        description: description.to_owned(),
        unit: "short",
        kind: Kind::Timeseries(TimeseriesOptions {
            legend: Legend {
                display_mode: "list".to_owned(),
                placement: "bottom".to_owned(),
                shown: true,
                calcs: Vec::new(),
            },
            tooltip: Tooltip { mode: "multi".to_owned(), sort: "desc".to_owned() },
        }),
        queries,
        steps: Vec::new(),
        color: "palette-classic",
        min: Some(Decimal::ZERO),
        max: None,
        drawing: Some(drawing("line", "linear", "dashed")),
    }
}

/// Good below `value`.
fn limit<'a>(value: Decimal) -> Vec<(&'a str, Option<Decimal>)> {
    vec![(GREEN, None), (RED, Some(value))]
}

fn drawing(style: &str, interpolation: &str, thresholds: &str) -> Drawing {
    Drawing {
        draw_style: style.to_owned(),
        line_interpolation: interpolation.to_owned(),
        line_width: 1,
        fill_opacity: if style == "bars" { 80 } else { 0 },
        show_points: "never".to_owned(),
        thresholds_style: ThresholdsStyle { mode: thresholds.to_owned() },
    }
}

/// `value` as JSON writes it: 10, 0.35.
fn number(value: Decimal) -> Result<Number, String> {
    plain(value).parse().map_err(|error: serde_json::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Library;
    use crate::source::Files;
    use crate::spec::Source;

    fn text(toml: &str) -> String {
        let (mut files, mut library) = (Files::default(), Library::default());
        let toml = format!("{toml}\n[service]\nname = \"shop\"\nimage = \"shop:v1\"\n");
        let source = Source::parse(&mut files, &mut library, "slo.toml", toml, "".as_ref());
        let spec = source.load(&files, None).unwrap();
        let map = config_map(&Plan::new(&spec)).unwrap();
        map.data.unwrap().remove("shop-slo.json").unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        for toml in
            ["", "profile = \"inference\"", "scaling.replicas = 2", "alerts.burn_rate = false"]
        {
            let text = text(toml);
            let dashboard: Dashboard = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string_pretty(&dashboard).unwrap() + "\n", text);
        }
    }

    #[test]
    fn identities_are_short_and_differ() {
        let long = "x".repeat(63);
        assert!(uid(&long, &long).len() <= 40);
        assert_ne!(uid("a-b", "c"), uid("a", "b-c"));
        assert_eq!(uid("default", "inference"), uid("default", "inference"));
    }
}
