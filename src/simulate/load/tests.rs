//! What a load is at each moment, worked out by hand, and what holds for any.

#![expect(clippy::float_cmp, reason = "the values are exact, or rounded by the test")]

use proptest::prelude::*;

use super::*;

fn duration(text: &str) -> Duration {
    Duration::parse(text).unwrap()
}

/// A load as the command line builds it.
fn load(unit: Unit, parts: &str, stages: &[&str], spikes: &[&str]) -> Result<Load, Invalid> {
    let parts = Parts::parse(parts)?;
    let written: Vec<Duration> = stages.iter().map(|stage| duration(stage)).collect();
    let spikes = spikes.iter().map(|spike| Spike::parse(spike)).collect::<Result<Vec<_>, _>>()?;
    let lengths = lengths(&parts, &written, &spikes)?;
    Load::steps(unit, &parts, &lengths)?.with_spikes(spikes)
}

fn rps(parts: &str, stages: &[&str], spikes: &[&str]) -> Load {
    load(Unit::Rps, parts, stages, spikes).unwrap()
}

fn value(load: &Load, t: f64) -> f64 {
    match load.at(t) {
        Offered::Rate(value) | Offered::Users { users: value, .. } => value,
    }
}

/// The values at `moments`, to nine decimals.
fn values<const N: usize>(load: &Load, moments: [f64; N]) -> [f64; N] {
    moments.map(|t| (value(load, t) * 1e9).round() / 1e9)
}

fn stages(load: &Load) -> Vec<(&str, f64, f64)> {
    load.stages().iter().map(|stage| (stage.name.as_str(), stage.from_s, stage.to_s)).collect()
}

/// `message; help` of what cannot be.
fn refused<T: std::fmt::Debug>(result: Result<T, Invalid>) -> String {
    let invalid = result.unwrap_err();
    format!("{}; {}", invalid.message, invalid.help)
}

#[test]
fn steps_jump_at_their_start() {
    let load = load(Unit::Users, "50,100,200", &["240s"], &[]).unwrap();
    assert_eq!(
        values(&load, [-5.0, 0.0, 239.999, 240.0, 479.0, 480.0, 720.0, 1e9]),
        [50.0, 50.0, 50.0, 100.0, 100.0, 200.0, 200.0, 200.0]
    );
    assert_eq!(load.duration_s(), 720.0);
    assert_eq!(
        stages(&load),
        [("50 users", 0.0, 240.0), ("100 users", 240.0, 480.0), ("200 users", 480.0, 720.0)]
    );
    assert_eq!(load.at(0.0), Offered::Users { users: 50.0, think_s: 0.1 });
    let think = load.with_think_time(duration("1500ms"));
    assert_eq!(think.at(700.0), Offered::Users { users: 200.0, think_s: 1.5 });
}

#[test]
fn ramps_are_straight() {
    let load = rps("50, 50..200 ,200..0", &["1m", "5m", "100s"], &[]);
    assert_eq!(
        values(&load, [59.0, 60.0, 62.0, 210.0, 359.0, 360.0, 410.0, 460.0]),
        [50.0, 50.0, 51.0, 125.0, 199.5, 200.0, 100.0, 0.0]
    );
    assert_eq!(
        stages(&load),
        [("50 rps", 0.0, 60.0), ("50..200 rps", 60.0, 360.0), ("200..0 rps", 360.0, 460.0)]
    );
    assert_eq!(load.at(62.0), Offered::Rate(51.0));
}

#[test]
fn no_moment_is_one_of_the_load() {
    assert_eq!(value(&rps("7", &["1m"], &[]), f64::NAN), 7.0);
    assert_eq!(value(&rps("7", &["1m"], &[]), f64::NEG_INFINITY), 7.0);
}

#[test]
fn stages_last_ten_minutes_and_ten_more_behind_a_spike() {
    let of = |parts: &str, spikes: &[&str]| -> Vec<String> {
        let parts = Parts::parse(parts).unwrap();
        let spikes: Vec<_> = spikes.iter().map(|spike| Spike::parse(spike).unwrap()).collect();
        lengths(&parts, &[], &spikes).unwrap().iter().map(|length| length.clock()).collect()
    };
    assert_eq!(of("50", &[]), ["10m"]);
    assert_eq!(of("50", &["300@10m+90s"]), ["21m30s"]);
    assert_eq!(of("50,100", &["300@10m+90s"]), ["10m", "11m30s"]);
    assert_eq!(of("50,100", &["300@12m+90s", "300@1m+1s"]), ["10m", "13m30s"]);
    assert_eq!(of("50,100", &["300@1m+1s"]), ["10m", "10m"]);
}

#[test]
fn spikes_replace_add_and_multiply() {
    let load = rps("50", &["30m"], &["300@10m+90s", "+20@15m+1m", "x3@15m30s+60s", "0@29m50s+60s"]);
    assert_eq!(
        values(
            &load,
            [
                599.0, 600.0, 689.0, 690.0, 900.0, 930.0, 959.0, 960.0, 989.0, 990.0, 1789.0,
                1790.0, 1800.0
            ]
        ),
        [50.0, 300.0, 300.0, 50.0, 70.0, 210.0, 210.0, 150.0, 150.0, 50.0, 50.0, 0.0, 0.0]
    );
}

#[test]
fn spikes_repeat() {
    let load = rps("50", &["1h"], &["300@10m+90s/20m"]);
    assert_eq!(
        values(
            &load,
            [0.0, 599.0, 600.0, 690.0, 1799.0, 1800.0, 1889.0, 1890.0, 3000.0, 3089.0, 3090.0]
        ),
        [50.0, 50.0, 300.0, 50.0, 50.0, 300.0, 300.0, 50.0, 300.0, 300.0, 50.0]
    );
    assert_eq!(
        stages(&load),
        [
            ("50 rps", 0.0, 600.0),
            ("spike to 300 rps", 600.0, 690.0),
            ("50 rps", 690.0, 1800.0),
            ("spike to 300 rps", 1800.0, 1890.0),
            ("50 rps", 1890.0, 3000.0),
            ("spike to 300 rps", 3000.0, 3090.0),
            ("50 rps", 3090.0, 3600.0),
        ]
    );
}

#[test]
fn spikes_are_stages_across_those_written() {
    let load = rps("10,20,30", &["60s"], &["+5@50s+80s", "x2@0s+10s", "1@170s+1h"]);
    assert_eq!(
        stages(&load),
        [
            ("spike to 2 times the load", 0.0, 10.0),
            ("10 rps", 10.0, 50.0),
            ("spike of 5 more rps", 50.0, 130.0),
            ("30 rps", 130.0, 170.0),
            ("spike to 1 rps", 170.0, 180.0),
        ]
    );
    let overlapping = rps("10", &["60s"], &["x2@10s+10s", "x2@15s+10s"]);
    assert_eq!(stages(&overlapping), [("10 rps", 0.0, 60.0)]);
    let many = rps("10", &["11m"], &["x2@0s+10s/1m"]);
    assert_eq!(stages(&many), [("10 rps", 0.0, 660.0)]);
    let ten = rps("10", &["10m"], &["x2@0s+10s/1m"]);
    assert_eq!(ten.stages().len(), 20);
}

#[test]
fn a_day_is_a_wave() {
    let day = Load::daily(&Daily::parse("40..300").unwrap(), 1);
    let hour = 3600.0;
    assert_eq!(
        values(&day, [14.0 * hour, 2.0 * hour, 8.0 * hour, 20.0 * hour, 10.0 * hour]),
        // At 10:00, a sixth of the period from the peak, the cosine is a half.
        [300.0, 40.0, 170.0, 170.0, 235.0]
    );
    assert_eq!(day.duration_s(), 86_400.0);
    let names: Vec<&str> = day.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names[..2], ["0s..2h", "2h..4h"]);
    assert_eq!((names.len(), names[11]), (12, "22h..1d"));

    let week = Load::daily(&Daily::parse("1..3users@8h30m").unwrap(), 7);
    assert_eq!(week.unit(), Unit::Users);
    assert_eq!(values(&week, [8.5 * hour, 6.0 * 86_400.0 + 20.5 * hour]), [3.0, 1.0]);
    assert_eq!(week.stages().len(), 7);
    assert_eq!(Daily::parse("1..3 rps@0s").unwrap().peak_s, 0.0);
    let spiked = Load::daily(&Daily::parse("40..300").unwrap(), 1);
    let spiked = spiked.with_spikes(vec![Spike::parse("x3@1h+10m").unwrap()]).unwrap();
    assert_eq!(
        stages(&spiked)[..4],
        [
            ("0s..1h", 0.0, 3600.0),
            ("spike to 3 times the load", 3600.0, 4200.0),
            ("1h10m..2h", 4200.0, 7200.0),
            ("2h..4h", 7200.0, 14400.0)
        ]
    );
}

#[test]
fn a_trace_is_straight_between_its_samples() {
    let trace = Trace {
        unit: Unit::Users,
        times: vec![0.0, 10.0, 40.0],
        values: vec![5.0, 15.0, 0.0],
        think_s: Some(vec![1.0, 2.0, 2.0]),
    };
    let load = Load::recorded(trace);
    assert_eq!(values(&load, [0.0, 4.0, 10.0, 25.0, 40.0, 50.0]), [5.0, 9.0, 15.0, 7.5, 0.0, 0.0]);
    assert_eq!(load.at(5.0), Offered::Users { users: 10.0, think_s: 1.5 });
    assert!(load.has_recorded_think_times());
    assert_eq!(stages(&load), [("0s..40s", 0.0, 40.0)]);
    assert_eq!(
        load.with_think_time(duration("0s")).at(5.0),
        Offered::Users { users: 10.0, think_s: 0.0 }
    );
}

#[test]
fn time_is_parted_as_people_speak_of_it() {
    let parted = |duration_s: f64| {
        let stages = stages::slices(duration_s);
        (stages.len(), stages[0].name.clone(), stages.last().unwrap().name.clone())
    };
    let expected = |count, first: &str, last: &str| (count, first.to_owned(), last.to_owned());
    assert_eq!(parted(29.0), expected(1, "0s..29s", "0s..29s"));
    assert_eq!(parted(720.0), expected(12, "0s..1m", "11m..12m"));
    assert_eq!(parted(721.0), expected(2, "0s..5m", "5m..12m1s"));
    assert_eq!(parted(7.0 * 86_400.0), expected(7, "0s..1d", "6d..7d"));
    assert_eq!(parted(MOST_SECONDS), expected(13, "0s..30d", "360d..400d"));
}

#[test]
fn noise_multiplies_what_is_offered() {
    let calm = rps("100", &["1h"], &["300@10m+90s"]);
    let noise = Noise::parse("10%").unwrap().with_seed(3);
    let deviating = calm.clone().with_noise(noise.clone());
    for t in [0.0, 14.0, 15.0, 610.0, 3600.0] {
        assert_eq!(value(&deviating, t), value(&calm, t) * noise.factor(t));
    }
    assert_ne!(value(&deviating, 14.0), value(&deviating, 15.0));
    assert_ne!(value(&deviating, 14.0), value(&calm.with_noise(noise.with_seed(4)), 14.0));
}

#[test]
fn wrong_shapes_say_what_to_write() {
    for (text, expected) in [
        ("", "a number is missing; write one, such as `50`"),
        ("50,,100", "entry 2 of `50,,100` is empty; write a number there, or take the comma out"),
        ("50,", "entry 2 of `50,` is empty; write a number there, or take the comma out"),
        (
            "fifty",
            "`fifty` is not a number; write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
        ),
        ("50-200", "`50-200` is not a number; write `50..200` for a ramp"),
        ("-50", "`-50` is negative; write 0 or more: clients take no request back"),
        ("50..-2", "`-2` is negative in `50..-2`; write 0 or more: clients take no request back"),
        ("50..", "a number is missing in `50..`; write one, such as `50`"),
        ("..50", "a number is missing in `..50`; write one, such as `50`"),
        (
            "50...200",
            "`50...200` has more than two ends; write each ramp by itself, such as `50..200,200..100`",
        ),
        (
            "1..2..3",
            "`1..2..3` has more than two ends; write each ramp by itself, such as `50..200,200..100`",
        ),
        ("NaN", "`NaN` is no value; write a number; where nothing was offered, write `0`"),
        ("1..inf", "`inf` is infinite in `1..inf`; write a finite number, such as `50`"),
        ("2e9", "`2e9` is more than any service gets; write at most `1e9`; check the unit"),
    ] {
        assert_eq!(refused(Parts::parse(text)), expected, "{text}");
    }
    let many = "1,".repeat(1000) + "1";
    assert_eq!(
        refused(Parts::parse(&many)),
        "there are 1001 stages; 1000 is the most; give a trace instead: a CSV file with the columns `t,rps` or `t,users`"
    );
}

#[test]
fn wrong_lengths_say_what_to_write() {
    for (stages, expected) in [
        (
            &["4m", "5m"][..],
            "2 lengths of stages do not fit 3 stages; write one for all, such as `4m`, or 3, one for each",
        ),
        (
            &["0s"],
            "a stage of 0s is shorter than a second; write a second or more: pods and metrics need minutes to follow",
        ),
        (
            &["1s", "1s", "999ms"],
            "a stage of 999ms is shorter than a second; write a second or more: pods and metrics need minutes to follow",
        ),
        (
            &["150d"],
            "the stages take 450d together; a load lasts at most 400 days; shorten them: a day shows what every day does",
        ),
    ] {
        assert_eq!(refused(load(Unit::Rps, "1,2,3", stages, &[])), expected, "{stages:?}");
    }
    assert_eq!(rps("1", &["400d"], &[]).duration_s(), MOST_SECONDS);
}

#[test]
fn wrong_days_say_what_to_write() {
    for (text, expected) in [
        (
            "300",
            "`300` has no low and high; write the least and the most of a day, such as `40..300`",
        ),
        (
            "300..40",
            "the low of `300..40` is above its high; write `40..300`; `@` says when the high is",
        ),
        (
            "40..300rpm",
            "`300rpm` is not a number in `40..300rpm`; write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
        ),
        ("40..300@14", "the peak `14` has no unit; write the time since midnight: `@14h`"),
        ("40..300@8:30", "the peak `8:30` has no unit; write the time since midnight: `@8h30m`"),
        (
            "40..300@24h",
            "the peak `24h` is not within a day; write the time since midnight, below `24h`",
        ),
        (
            "40..300@noon",
            "the peak: `noon` is not a duration; write the time since midnight, such as `@14h` or `@8h30m`",
        ),
        (
            "40..300@",
            "the peak: `` is not a duration; write the time since midnight, such as `@14h` or `@8h30m`",
        ),
        (
            "40..nan",
            "`nan` is no value in `40..nan`; write a number; where nothing was offered, write `0`",
        ),
    ] {
        assert_eq!(refused(Daily::parse(text)), expected, "{text}");
    }
}

#[test]
fn wrong_spikes_say_what_to_write() {
    const FORM: &str = "write HEIGHT@START+LENGTH, such as `300@10m+90s`, `+200@10m+90s` or `x3@10m+90s`; \
                        `/1h` behind it repeats it";
    for (text, expected) in [
        ("300", "`300` has no start; {FORM}"),
        ("", "`` has no start; {FORM}"),
        ("@10m+90s", "`@10m+90s` has no height; {FORM}"),
        ("300@10m", "`300@10m` has no length; {FORM}"),
        ("300@+90s", "`300@+90s` has no start; {FORM}"),
        ("300@10m+", "`300@10m+` has no length; {FORM}"),
        ("300@10m+90s/", "`300@10m+90s/` has no time behind its `/`; {FORM}"),
        (
            "300@10m+0s",
            "the spike `300@10m+0s` is shorter than a second; write a second or more: the model's steps are seconds",
        ),
        (
            "300@10m+90s/90s",
            "the spike `300@10m+90s/90s` starts again before it ends; repeat it in more than its length: `/3m`",
        ),
        (
            "-5@10m+90s",
            "`-5` is negative in `-5@10m+90s`; write 0 or more: clients take no request back",
        ),
        (
            "xx@10m+90s",
            "`x` is not a number in `xx@10m+90s`; write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
        ),
        (
            "300@10+90s",
            "duration `10` has no unit in `300@10+90s`; add the unit: did you mean `\"10s\"`?",
        ),
        (
            "300@soon+90s",
            "`soon` is not a duration in `300@soon+90s`; write a number with a unit, such as `\"350ms\"`, `\"10s\"`, `\"5m\"` or `\"30d\"`",
        ),
    ] {
        assert_eq!(refused(Spike::parse(text)), expected.replace("{FORM}", FORM), "{text}");
    }
    for (spike, expected) in [
        (
            "300@10m+90s",
            "the spike `300@10m+90s` starts when the load has ended, which it does after 10m; let it start earlier, or the load last longer",
        ),
        (
            "300@1m+90s/9m",
            "the spike `300@1m+90s/9m` never starts again: the load ends after 10m; let the load last longer, or leave `/9m` out",
        ),
    ] {
        assert_eq!(refused(load(Unit::Rps, "50", &["10m"], &[spike])), expected);
    }
    // A repetition is not waited for where nobody says how long the load lasts.
    assert!(load(Unit::Rps, "50", &[], &["300@1m+90s/9m"]).is_ok());
    assert!(
        refused(load(Unit::Rps, "50", &[], &["300@1m+90s/1h"]))
            .starts_with("the spike `300@1m+90s/1h` never starts again")
    );
    assert_eq!(
        refused(load(Unit::Rps, "50", &["10m"], &["1@1m+1s"; 101])),
        "there are 101 spikes; 100 is the most; write one that repeats: `300@10m+90s/1h` comes every hour"
    );
    // However they pile up, the load stays a number.
    let piled = rps("1e9", &["10m"], &["x1e9@1m+1s"; 100]);
    assert_eq!(value(&piled, 60.0), 1e9);
}

/// The integral from `from_s` to `to_s`, by the rule of the midpoint.
fn integral(load: &Load, from_s: f64, to_s: f64, steps: u32) -> f64 {
    let width = (to_s - from_s) / f64::from(steps);
    (0..steps).map(|step| value(load, from_s + (f64::from(step) + 0.5) * width) * width).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn steps_and_ramps_stay_between_their_ends(
        ends in prop::collection::vec((0.0..1e6_f64, 0.0..1e6_f64), 1..20),
        length in 1..10_000_u64,
        share in 0.0..1.0_f64,
    ) {
        let text: Vec<_> = ends.iter().map(|(from, to)| format!("{from}..{to}")).collect();
        let lengths = vec![Duration::from_secs(length); ends.len()];
        let load = Load::steps(Unit::Rps, &Parts::parse(&text.join(",")).unwrap(), &lengths).unwrap();
        for ((from, to), stage) in ends.iter().zip(load.stages()) {
            let width = stage.to_s - stage.from_s;
            let inside = value(&load, stage.from_s + share * 0.999_999 * width);
            prop_assert!((from.min(*to)..=from.max(*to)).contains(&inside));
            prop_assert_eq!(value(&load, stage.from_s), *from);
            // A trapezium, but for what rounds.
            let area = integral(&load, stage.from_s, stage.to_s, 64);
            let expected = (from + to) / 2.0 * width;
            prop_assert!((area - expected).abs() <= 1e-9 * expected.max(1.0));
        }
    }

    #[test]
    fn days_are_equal_smooth_and_between_low_and_high(
        low in 0.0..1e5_f64,
        more in 0.0..1e5_f64,
        peak in 0..86_400_u32,
        t in 0..86_400_u32,
        day in 1..7_u32,
    ) {
        let daily = Daily { unit: Unit::Rps, low, high: low + more, peak_s: f64::from(peak) };
        let load = Load::daily(&daily, 7);
        let (t, period) = (f64::from(t), 86_400.0);
        prop_assert_eq!(value(&load, t), value(&load, t + f64::from(day) * period));
        prop_assert!((low..=low + more).contains(&value(&load, t)));
        // Never steeper than π·(high - low) a day.
        let slope = (value(&load, t + 1.0) - value(&load, t)).abs() * period;
        prop_assert!(slope <= std::f64::consts::PI * more * 1.000_001 + 1e-3);
        let mean = integral(&load, 0.0, period, 96) / period;
        prop_assert!((mean - (low + more / 2.0)).abs() <= 1e-6 * (low + more).max(1.0));
    }

    #[test]
    fn stages_follow_each_other_without_gap(
        parts in 1..5_usize,
        length in 1..1000_u64,
        spikes in prop::collection::vec((0..3000_u64, 1..300_u64, prop::option::of(1..900_u64)), 0..5),
    ) {
        let text = vec!["10"; parts].join(",");
        let lengths = vec![Duration::from_secs(length); parts];
        let load = Load::steps(Unit::Rps, &Parts::parse(&text).unwrap(), &lengths).unwrap();
        let spike = |(start, long, more): &(u64, u64, Option<u64>)| {
            let every = more.map(|more| format!("/{}s", long + more)).unwrap_or_default();
            Spike::parse(&format!("x2@{start}s+{long}s{every}")).unwrap()
        };
        let fits = |spike: &Spike| spike.check(load.duration_s()).is_ok();
        let spikes: Vec<Spike> = spikes.iter().map(spike).filter(fits).collect();
        let end = load.duration_s();
        let load = load.with_spikes(spikes).unwrap();
        let stages = load.stages();
        prop_assert_eq!(stages.first().unwrap().from_s, 0.0);
        prop_assert_eq!(stages.last().unwrap().to_s, end);
        for pair in stages.windows(2) {
            prop_assert_eq!(pair[0].to_s, pair[1].from_s);
        }
        prop_assert!(stages.iter().all(|stage| stage.from_s < stage.to_s));
    }

    #[test]
    fn no_text_is_too_much(text in "[-0-9.,@+/xhms%NaInfe: ]{0,24}|\\PC{0,24}", t in any::<f64>()) {
        let _ = Noise::parse(&text);
        if let Ok(daily) = Daily::parse(&text) {
            prop_assert!(value(&Load::daily(&daily, 400), t).is_finite());
        }
        if let Ok(parts) = Parts::parse(&text) {
            let lengths = lengths(&parts, &[], &[]).unwrap();
            prop_assert!(value(&Load::steps(Unit::Rps, &parts, &lengths).unwrap(), t).is_finite());
        }
        if let Ok(spike) = Spike::parse(&text)
            && let Ok(load) = load(Unit::Rps, "5", &["400d"], &[&text])
        {
            prop_assert_eq!(spike.to_string(), text);
            prop_assert!((0.0..=1e9).contains(&value(&load, t)));
        }
    }
}
