//! Searches that come out right.

use std::path::Path;

use super::*;
use crate::plan::Plan;
use crate::profile::Library;
use crate::simulate::load::{Noise, Parts, Spike, Unit, lengths};
use crate::source::Files;
use crate::spec::{Source, Spec};
use crate::units::Duration;

const SERVICE: &str = "profile = \"inference\"\n[service]\nname = \"inference\"\nimage = \"registry.example.com/inference:1\"\n\
                       [targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n";

const MODEL: &str = "[simulate]\nfloor = \"100ms\"\nfloor_variation = 0.35\nservice_time = \"3ms\"\nconcurrency = 2\n\
                     cpu_per_request = \"3ms\"\nstartup = \"60s\"\ncost_per_pod_hour = 0.12\n";

struct Service {
    files: Files,
    source: Source,
}

impl Service {
    fn new(text: &str) -> Self {
        let mut files = Files::default();
        let text = format!("{text}\n{MODEL}");
        let library = &mut Library::default();
        let source = Source::parse(&mut files, library, "slo.toml", text, Path::new(""));
        Self { files, source }
    }

    fn with(&self, settings: &[String]) -> Option<Spec> {
        let (mut files, mut source) = (self.files.clone(), self.source.clone());
        for setting in settings {
            source.set(&mut files, setting);
        }
        source.load(&files, None).ok()
    }

    fn scenario(&self, changes: &[Change]) -> Option<Scenario> {
        let settings = changes.iter().map(|change| format!("{}={}", change.key, change.to));
        let spec = self.with(&settings.collect::<Vec<_>>())?;
        Scenario::new(&Plan::new(&spec)).ok()
    }

    fn space(&self, keep: &[Knob], ranges: &[&str]) -> Result<Space, Invalid> {
        let spec = self.with(&[]).unwrap();
        let ranges = ranges.iter().map(|range| Range::parse(range).unwrap()).collect();
        let choice = Choice { keep: keep.to_vec(), ranges };
        let model = self.scenario(&[]).unwrap().model;
        Space::new(&Plan::new(&spec), &model, &choice)
    }

    fn tune(&self, space: &Space, load: &Load, wanted: &Wanted) -> Result<Advice, Invalid> {
        tune(space, load, wanted, |changes| self.scenario(changes), || ())
    }
}

fn rps(parts: &str, stage_s: u64, spike: Option<&str>) -> Load {
    let parts = Parts::parse(parts).unwrap();
    let lengths = lengths(&parts, &[Duration::from_secs(stage_s)], &[]).unwrap();
    let load = Load::steps(Unit::Rps, &parts, &lengths).unwrap();
    load.with_spikes(spike.map(|spike| Spike::parse(spike).unwrap()).into_iter().collect()).unwrap()
}

fn wanted(margin: f64, conditions: &[&str]) -> Wanted {
    let conditions = conditions.iter().map(|text| Assertion::parse(text).unwrap()).collect();
    Wanted { margin, spend: 0.1, conditions }
}

const DIRECTIONS: [Knob; 3] = [Knob::Max, Knob::Up, Knob::Down];

#[test]
fn nothing_in_the_whole_space_is_much_cheaper() {
    let service = Service::new(SERVICE);
    for (load, conditions) in [
        (rps("200", 1800, Some("1500@10m+5m")), &[][..]),
        (rps("200,900,300", 900, None), &["p95 < 200ms"][..]),
        (rps("2000..100", 1800, None), &["replicas <= 16"][..]),
    ] {
        let space = service.space(&DIRECTIONS, &["min=2..9", "in_flight=4..24"]).unwrap();
        let wanted = wanted(0.25, conditions);
        let advice = service.tune(&space, &load, &wanted).unwrap();
        let least = space.axes[0]
            .values
            .iter()
            .enumerate()
            .flat_map(|(min, _)| (0..space.axes[1].values.len()).map(move |at| vec![min, at]))
            .filter_map(|point| service.scenario(&space.changes(&point)))
            .map(|scenario| score(&scenario, &load, &wanted, 0))
            .filter(|found| found.beyond(wanted.spend) <= 0.0)
            .map(|found| found.pod_hours)
            .min_by(f64::total_cmp)
            .unwrap();
        let proposal = &advice.front[advice.proposal.unwrap()];
        assert!(proposal.keeps);
        let cost = proposal.total.pod_hours;
        assert!(cost <= least * (1.0 + WORTH) + 1e-9, "{cost} for {least}: {:?}", proposal.changes);
    }
}

#[test]
fn safety_is_given_up_only_for_a_range() {
    let service = Service::new(SERVICE);
    let load = rps("200", 3600, Some("1500@30m+5m"));
    let space = service.space(&[], &[]).unwrap();
    let axis = |space: &Space, key: &str| {
        let axis = space.axes.iter().find(|axis| axis.key == key).unwrap();
        (axis.now, axis.values.clone())
    };
    assert_eq!(axis(&space, "scaling.max").0, 0, "the present one is the least");
    assert_eq!(axis(&space, "scaling.up.policies").0, 0, "the present ones are the slowest");
    let (now, windows) = axis(&space, "scaling.up.stabilization");
    assert_eq!((now, windows.last().unwrap().as_str()), (windows.len() - 1, "\"1m\""));
    let careful = service.tune(&space, &load, &wanted(0.25, &[])).unwrap();
    let space = service.space(&[], &["max=3..20", "up=0s..10m"]).unwrap();
    assert_eq!(axis(&space, "scaling.max").1[0], "3");
    assert_eq!(axis(&space, "scaling.up.stabilization").1.last().unwrap(), "\"10m\"");
    let free = service.tune(&space, &load, &wanted(0.25, &[])).unwrap();
    let cost = |advice: &Advice| advice.front[advice.proposal.unwrap()].total.pod_hours;
    assert!(cost(&free) < cost(&careful));
}

#[test]
fn a_front_gets_better_as_it_gets_dearer() {
    let service = Service::new(SERVICE);
    let space = service.space(&[], &[]).unwrap();
    let load = rps("200", 1800, Some("1500@10m+5m"));
    let advice = service.tune(&space, &load, &wanted(0.25, &[])).unwrap();
    assert!(advice.front.len() > 1, "{advice:?}");
    for pair in advice.front.windows(2) {
        assert!(pair[0].total.pod_hours <= pair[1].total.pod_hours);
        assert!(pair[0].burn_at_margin > pair[1].burn_at_margin);
    }
    assert_eq!(advice.proposal, advice.front.iter().position(|setting| setting.keeps));
}

#[test]
fn more_care_costs_no_less() {
    let service = Service::new(SERVICE);
    let space = service.space(&[], &[]).unwrap();
    let load = rps("300", 1800, Some("2000@10m+5m"));
    let cost = |margin, spend| {
        let wanted = Wanted { spend, ..wanted(margin, &[]) };
        let advice = service.tune(&space, &load, &wanted).unwrap();
        advice.front[advice.proposal.unwrap()].total.pod_hours
    };
    let costs = [cost(0.0, 1.0), cost(0.25, 0.5), cost(0.25, 0.1), cost(0.5, 0.1)];
    assert!(costs.windows(2).all(|pair| pair[0] <= pair[1] * (1.0 + WORTH)), "{costs:?}");
}

#[test]
fn what_cannot_be_kept_has_no_proposal() {
    let slow = SERVICE.replace("350ms", "50ms");
    assert_ne!(slow, SERVICE);
    let service = Service::new(&slow);
    let space = service.space(&[], &[]).unwrap();
    let advice = service.tune(&space, &rps("100", 600, None), &wanted(0.25, &[])).unwrap();
    assert_eq!(advice.proposal, None);
    assert!(advice.front.iter().all(|setting| !setting.keeps) && !advice.front.is_empty());
}

#[test]
fn a_fixed_fleet_is_sized() {
    let service = Service::new(&format!("{SERVICE}\n[scaling]\nreplicas = 9\n"));
    let space = service.space(&[], &[]).unwrap();
    assert_eq!(space.axes.iter().map(|axis| axis.key).collect::<Vec<_>>(), ["scaling.replicas"]);
    // 5,000 requests per second at 667 a pod: eight pods work at 94 %, seven fall behind.
    let advice = service.tune(&space, &rps("5000", 600, None), &wanted(0.0, &[])).unwrap();
    let proposal = &advice.front[advice.proposal.unwrap()];
    assert_eq!(
        proposal.changes,
        [Change { key: "scaling.replicas", from: "9".to_owned(), to: "8".to_owned() }]
    );
}

#[test]
fn what_is_good_stays() {
    let service = Service::new(SERVICE);
    let space = service.space(&[], &["min=3..20", "in_flight=10", "down=5m"]).unwrap();
    let load = rps("100", 600, None).with_noise(Noise::parse("2%").unwrap());
    let advice = service.tune(&space, &load, &wanted(0.25, &[])).unwrap();
    assert!(advice.front[advice.proposal.unwrap()].changes.is_empty(), "{advice:?}");
}

#[test]
fn there_must_be_something_to_choose_and_to_keep() {
    let service = Service::new(SERVICE);
    let all = Knob::ALL.map(|(_, knob)| knob);
    assert!(service.space(&all, &[]).unwrap_err().message.contains("nothing is left"));
    for (text, why) in [
        ("min", "no range"),
        ("pods=1..2", "nothing that can be changed"),
        ("min=9..3", "ends before it begins"),
        ("min=-1..3", "no range"),
        ("min=1.5..3", "no range"),
        ("up=1..3", "no range"),
        ("max=99999999999", "no range"),
    ] {
        let Invalid { message, .. } = Range::parse(text).unwrap_err();
        assert!(message.contains(why), "{text}: {message}");
    }
    let without = Service::new(
        "profile = \"base\"\n[service]\nname = \"a\"\nimage = \"a:1\"\n[targets]\ncpu = { utilization = \"70%\" }\n\
         [resources]\nrequests = { cpu = \"1\", memory = \"1Gi\" }\n",
    );
    let space = without.space(&[], &[]).unwrap();
    let wanted = wanted(0.25, &[]);
    let error = without.tune(&space, &rps("100", 600, None), &wanted).unwrap_err();
    assert!(error.message.contains("nothing to keep"), "{error:?}");
}
