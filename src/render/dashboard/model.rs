//! The parts of Grafana's dashboard model that slogen uses (grafana, `dashboard_kind.cue`).

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// The newest schema that Grafana 10 knows; later versions migrate it.
pub(super) const SCHEMA_VERSION: u16 = 39;

/// A dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Dashboard {
    /// Identity within Grafana, at most 40 characters; links hang on it.
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) schema_version: u16,
    pub(super) editable: bool,
    /// 1: all panels show the same moment.
    pub(super) graph_tooltip: u8,
    pub(super) refresh: String,
    pub(super) time: TimeRange,
    pub(super) timezone: String,
    pub(super) templating: Many<Variable>,
    pub(super) annotations: Many<Annotation>,
    pub(super) panels: Vec<Panel>,
}

/// Grafana wraps some lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Many<T> {
    pub(super) list: Vec<T>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeRange {
    pub(super) from: String,
    pub(super) to: String,
}

/// A data source by type and identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataSource {
    pub(super) r#type: String,
    pub(super) uid: String,
}

/// A template variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) r#type: VariableType,
    /// Type of data source, or values separated by commas.
    pub(super) query: String,
    pub(super) current: Choice,
    pub(super) options: Vec<Choice>,
    pub(super) multi: bool,
    pub(super) include_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum VariableType {
    Datasource,
    Custom,
}

/// A value of a variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    pub(super) selected: bool,
    pub(super) text: String,
    pub(super) value: String,
}

/// Events from a query, drawn across all panels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Annotation {
    pub(super) name: String,
    pub(super) datasource: DataSource,
    pub(super) enable: bool,
    pub(super) icon_color: String,
    pub(super) expr: String,
    pub(super) step: String,
    pub(super) title_format: String,
    pub(super) text_format: String,
}

/// A panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    pub(super) id: u32,
    pub(super) title: String,
    pub(super) description: String,
    /// Its fields `type` and `options`.
    #[serde(flatten)]
    pub(super) kind: Kind,
    pub(super) datasource: DataSource,
    pub(super) grid_pos: GridPos,
    pub(super) field_config: FieldConfig,
    pub(super) targets: Vec<Target>,
}

/// What a panel looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "options", rename_all = "lowercase")]
pub(super) enum Kind {
    /// Lines or bars over time.
    Timeseries(TimeseriesOptions),
    /// Numbers.
    Stat(StatOptions),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeseriesOptions {
    pub(super) legend: Legend,
    pub(super) tooltip: Tooltip,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Legend {
    pub(super) display_mode: String,
    pub(super) placement: String,
    #[serde(rename = "showLegend")]
    pub(super) shown: bool,
    pub(super) calcs: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tooltip {
    pub(super) mode: String,
    pub(super) sort: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StatOptions {
    pub(super) color_mode: String,
    pub(super) graph_mode: String,
    pub(super) text_mode: String,
    pub(super) reduce_options: Reduce,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reduce {
    pub(super) calcs: Vec<String>,
    pub(super) fields: String,
    pub(super) values: bool,
}

/// Place in a grid of 24 columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GridPos {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldConfig {
    pub(super) defaults: Field,
    /// None; Grafana expects the list.
    pub(super) overrides: [(); 0],
}

/// How values are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) unit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<Number>,
    pub(super) color: Color,
    pub(super) thresholds: Thresholds,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<Drawing>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Color {
    pub(super) mode: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thresholds {
    pub(super) mode: String,
    pub(super) steps: Vec<Step>,
}

/// From this value on, this colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) color: String,
    /// `null` is below all others.
    pub(super) value: Option<Number>,
}

/// How a time series is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Drawing {
    pub(super) draw_style: String,
    pub(super) line_interpolation: String,
    pub(super) line_width: u8,
    pub(super) fill_opacity: u8,
    pub(super) show_points: String,
    pub(super) thresholds_style: ThresholdsStyle,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdsStyle {
    pub(super) mode: String,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Target {
    pub(super) ref_id: String,
    pub(super) datasource: DataSource,
    pub(super) editor_mode: String,
    pub(super) expr: String,
    pub(super) legend_format: String,
    pub(super) range: bool,
}
