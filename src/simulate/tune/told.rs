//! What comes of a search, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Advice, Change, Setting};
use crate::simulate::export::quantile_value;
use crate::simulate::figures::mean;
use crate::simulate::scenario::Scenario;
use crate::simulate::shown::{columns, counted, money, quantile, share, time};

/// The settings in a table, and what they mean.
pub fn text(scenario: &Scenario, advice: &Advice) -> String {
    let rows = [("now".to_owned(), &advice.now)].into_iter().chain(
        advice.front.iter().enumerate().map(|(at, setting)| {
            let mark = if advice.proposal == Some(at) { "*" } else { "" };
            (format!("{}{mark}", at + 1), setting)
        }),
    );
    let rows: Vec<_> = rows.collect();
    let cells: Vec<Vec<String>> = [head(scenario)]
        .into_iter()
        .chain(rows.iter().map(|(name, setting)| row(name, scenario, setting)))
        .collect();
    let told = ["CHANGES".to_owned()]
        .into_iter()
        .chain(rows.iter().map(|(_, setting)| in_short(&setting.changes)));
    let table = columns(&cells);
    let mut text = String::new();
    for (line, changes) in table.lines().zip(told) {
        let _ = writeln!(text, "{line}  {changes}");
    }
    text.push('\n');
    for sentence in sentences(scenario, advice) {
        let _ = writeln!(text, "- {sentence}");
    }
    text
}

fn head(scenario: &Scenario) -> Vec<String> {
    let mut head = vec!["SETTING", "MIN", "MEAN", "MAX"];
    let goals: Vec<String> = scenario.goals.iter().map(|goal| goal.short.to_uppercase()).collect();
    for goal in &goals {
        head.extend([goal, "WORST", "ABOVE"]);
    }
    head.extend(["SPENT", "AT MARGIN", "BUSIEST", "POD-H"]);
    if scenario.cost_per_pod_hour.is_some() {
        head.push("COST");
    }
    head.into_iter().map(str::to_owned).collect()
}

fn row(name: &str, scenario: &Scenario, setting: &Setting) -> Vec<String> {
    let total = &setting.total;
    let mut row = vec![
        name.to_owned(),
        total.replicas_min.to_string(),
        format!("{:.1}", total.replicas_mean),
        total.replicas_max.to_string(),
    ];
    for reached in &total.goals {
        row.extend([mean(reached).shown(), quantile(reached.worst), time(reached.above_s)]);
    }
    row.extend([
        share(setting.burn),
        share(setting.burn_at_margin),
        share(setting.busiest),
        format!("{:.2}", total.pod_hours),
    ]);
    if scenario.cost_per_pod_hour.is_some() {
        row.push(setting.cost.map_or_else(|| "-".to_owned(), |cost| money(cost.total)));
    }
    row
}

/// `min 2, down.stabilization 1m`: what the table has room for.
fn in_short(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "-".to_owned();
    }
    let each = changes.iter().map(|Change { key, to, .. }| {
        let key = key.trim_start_matches("scaling.").trim_start_matches("targets.");
        format!("{} {}", key.trim_end_matches(".per_pod"), to.replace(['"', '[', ']'], ""))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What the table says, in words.
pub fn sentences(scenario: &Scenario, advice: &Advice) -> Vec<String> {
    let now = &advice.now;
    let mut told = match advice.proposal.and_then(|at| Some((at + 1, advice.front.get(at)?))) {
        Some((_, setting)) if setting.changes.is_empty() => {
            vec!["nothing cheaper keeps the targets: the setting may stay as it is".to_owned()]
        }
        Some((place, setting)) => proposed(place, setting, advice),
        None => none(scenario, advice),
    };
    if !now.keeps && advice.proposal.is_some() {
        told.push(format!(
            "as it is the service does not keep its targets: it spends {} of its budget, {} at the margin",
            share(now.burn),
            share(now.burn_at_margin)
        ));
    }
    let errors = if scenario.errors.is_some() {
        ", and no more requests fail than `targets.errors` allows"
    } else {
        ""
    };
    told.push(format!(
        "kept are the targets if at most {} of the error budget of this load's requests is spent (`--spend`), with every \
         latency {} longer than the model says (`--margin`){errors}",
        share(advice.spend),
        share(advice.margin)
    ));
    told.push(format!(
        "{}, under this load alone: look at the proposal under another one with `slogen simulate`",
        match advice.tried {
            1 => "1 setting was tried".to_owned(),
            tried => format!("{tried} settings were tried"),
        }
    ));
    told
}

/// Why there is no proposal.
fn none(scenario: &Scenario, advice: &Advice) -> Vec<String> {
    let closest = advice.front.last().unwrap_or(&advice.now);
    let failing = closest.fails.join(" and ");
    let fail = if closest.fails.len() == 1 { "does" } else { "do" };
    let errors = scenario.errors.is_some_and(|most| closest.total.failed_share() > most);
    if !failing.is_empty() && !errors && closest.burn_at_margin <= advice.spend {
        return vec![format!(
            "no setting that was tried holds what `--assert` asks for: with the closest, which keeps the targets, {failing} \
             {fail} not hold"
        )];
    }
    let mut told = vec![
        format!(
            "no setting that was tried keeps the targets under this load: the closest spends {} of its budget, {} at the \
             margin, and asks its pods for {} of what they can serve",
            share(closest.burn),
            share(closest.burn_at_margin),
            share(closest.busiest),
        ),
        format!(
            "that takes up to {}; `--range max=LEAST..MOST` tries more, and a shorter start-up or more CPU may do what \
             replicas cannot",
            counted(closest.total.replicas_max, "replica")
        ),
    ];
    if !failing.is_empty() {
        told.insert(1, format!("beside that, {failing} {fail} not hold (`--assert`)"));
    }
    told
}

fn proposed(place: usize, setting: &Setting, advice: &Advice) -> Vec<String> {
    let mut told = vec![format!(
        "{place} is the cheapest setting that keeps the targets: {}",
        against(&advice.now, setting)
    )];
    let each = |Change { key, from, to }: &Change| format!("{key}: {to} instead of {from}");
    told.extend(setting.changes.iter().map(each));
    let changes = |key: &str| setting.changes.iter().any(|change| change.key == key);
    if changes(IN_FLIGHT) {
        told.push(format!(
            "{IN_FLIGHT} is taken for a means, not an end; `--keep in_flight` leaves it as it is"
        ));
    }
    if changes("scaling.down.stabilization") && !advice.noisy {
        told.push(
            "this load has no noise that a window could smooth: `--noise 10%` shows whether the fleet would flap"
                .to_owned(),
        );
    }
    told.push(format!(
        "in their busiest minute the pods are asked for {} of what they can serve",
        share(setting.busiest)
    ));
    told
}

/// The key whose change is seen by more than the autoscaler.
const IN_FLIGHT: &str = "targets.in_flight.per_pod";

/// What `setting` costs against `now`.
fn against(now: &Setting, setting: &Setting) -> String {
    let (before, after) = (now.total.pod_hours, setting.total.pod_hours);
    let difference = if before > 0.0 { (after - before) / before } else { 0.0 };
    let word = if difference <= 0.0 { "less" } else { "more" };
    let costs = match (now.cost, setting.cost) {
        (Some(before), Some(after)) => {
            format!(", {} instead of {}", money(after.total), money(before.total))
        }
        _ => String::new(),
    };
    format!(
        "{after:.2} pod-hours instead of {before:.2}{costs}, {} {word}",
        share(difference.abs())
    )
}

/// All of it as JSON: lengths in seconds, shares of 1.
pub fn json(scenario: &Scenario, advice: &Advice) -> Value {
    let of = |setting: &Setting| setting_json(scenario, setting);
    json!({
        "service": scenario.name,
        "margin": advice.margin,
        "spend": advice.spend,
        "tried": advice.tried,
        "now": of(&advice.now),
        "front": advice.front.iter().map(of).collect::<Value>(),
        "proposal": advice.proposal,
        "sentences": sentences(scenario, advice),
    })
}

fn setting_json(scenario: &Scenario, setting: &Setting) -> Value {
    let total = &setting.total;
    let goals = scenario.goals.iter().zip(&total.goals).map(|(goal, reached)| {
        let value = json!({
            "mean_s": reached.mean_s,
            "worst_s": quantile_value(reached.worst),
            "above_s": reached.above_s,
        });
        (goal.short.clone(), value)
    });
    let changes = setting
        .changes
        .iter()
        .map(|Change { key, from, to }| json!({ "key": key, "from": from, "to": to }));
    json!({
        "changes": changes.collect::<Value>(),
        "keeps": setting.keeps,
        "burn_rate": setting.burn,
        "burn_rate_at_margin": setting.burn_at_margin,
        "busiest_utilisation": setting.busiest,
        "replicas": { "min": total.replicas_min, "mean": total.replicas_mean, "max": total.replicas_max },
        "latency": goals.collect::<serde_json::Map<_, _>>(),
        "failed_share": total.failed_share(),
        "pod_hours": total.pod_hours,
        "cost": setting.cost.map(|cost| cost.total),
        "cost_per_1000_requests": setting.cost.and_then(|cost| cost.per_thousand),
    })
}

/// The settings as CSV (RFC 4180), the present one first.
pub fn csv(scenario: &Scenario, advice: &Advice) -> String {
    let mut text = "setting,proposed,keeps,replicas_min,replicas_mean,replicas_max".to_owned();
    for goal in &scenario.goals {
        let _ = write!(text, ",{0}_mean_s,{0}_worst_s,{0}_above_s", goal.short);
    }
    text += ",burn_rate,burn_rate_at_margin,busiest_utilisation,pod_hours,cost,changes\r\n";
    let rows = [("now".to_owned(), false, &advice.now)].into_iter().chain(
        advice
            .front
            .iter()
            .enumerate()
            .map(|(at, setting)| ((at + 1).to_string(), advice.proposal == Some(at), setting)),
    );
    for (name, proposed, setting) in rows {
        let total = &setting.total;
        let _ = write!(
            text,
            "{name},{proposed},{},{},{:.3},{}",
            setting.keeps, total.replicas_min, total.replicas_mean, total.replicas_max
        );
        for reached in &total.goals {
            let mean = reached.mean_s.map_or_else(String::new, |mean| format!("{mean:.4}"));
            let worst = match quantile_value(reached.worst) {
                Value::Null => String::new(),
                Value::String(word) => word,
                worst => format!("{:.4}", worst.as_f64().unwrap_or_default()),
            };
            let _ = write!(text, ",{mean},{worst},{}", reached.above_s);
        }
        let cost = setting.cost.map_or_else(String::new, |cost| format!("{:.6}", cost.total));
        let changes = setting.changes.iter().map(|Change { key, to, .. }| format!("{key}={to}"));
        let changes = changes.collect::<Vec<_>>().join(" ").replace('"', "\"\"");
        let _ = write!(
            text,
            ",{:.4},{:.4},{:.4},{:.4},{cost},\"{changes}\"\r\n",
            setting.burn, setting.burn_at_margin, setting.busiest, total.pod_hours
        );
    }
    text
}
