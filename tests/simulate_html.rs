//! What a reader sees of the page of `slogen simulate --format html`: Chromium opens it as a file, without a network.
//!
//! A tool that is not installed is skipped, unless `SLOGEN_REQUIRE_TOOLS=1`, as in CI, forbids it.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

mod browser;
mod common;
mod installed;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use similar::TextDiff;

use browser::{Browser, Seen};
use common::slogen;
use installed::tool;

const SIMULATE: &str = include_str!("simulate/model.toml");

/// The load test of the guide, a day, and more than the pods can serve.
const GUIDE: [&str; 4] = ["--users", "50,100,200", "--stage", "240s"];
const DAY: [&str; 2] = ["--daily", "40..400"];
const OVERLOAD: [&str; 4] = ["--rps", "100..16000", "--stage", "20m"];

/// Many stages, large numbers, and several targets.
const CROWD: [&str; 10] = [
    "--rps",
    "100,5000,20..1200000,5,7,9,11,13,15,17,19,21,23",
    "--stage",
    "7m",
    "--spike",
    "300@10m+90s",
    "--set",
    "scaling.max=1500",
    "--set",
    "targets.latency=[{percentile=95,below='350ms'},{percentile=99,below='500ms'},{percentile=99.9,below='1s'}]",
];

/// As wide as a laptop's and a phone's screen, in pixels.
const LAPTOP: u32 = 1280;
const PHONE: u32 = 400;

/// What `slogen simulate` prints of the reference service.
fn simulate(folder: &Path, arguments: &[&str]) -> String {
    let reference = include_str!("golden/inference/slo.toml");
    fs::write(folder.join("slo.toml"), [reference, SIMULATE].concat()).unwrap();
    let output = slogen().current_dir(folder).arg("simulate").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The page of a run, in a folder that holds nothing else.
struct Page {
    folder: tempfile::TempDir,
    html: String,
}

impl Page {
    fn of(load: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let html = simulate(folder.path(), &[load, &["--format", "html"]].concat());
        fs::remove_file(folder.path().join("slo.toml")).unwrap();
        Self::with(folder, html)
    }

    fn with(folder: tempfile::TempDir, html: String) -> Self {
        fs::write(folder.path().join("run.html"), &html).unwrap();
        Self { folder, html }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run.html")
    }

    fn seen(&self, browser: &mut Browser, width: u32, scheme: &str) -> Seen {
        browser.open(&self.path(), width, scheme)
    }
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}

#[test]
fn readers_see_the_load_test() {
    let Some(chromium) = tool("chromium") else { return };
    let page = Page::of(&GUIDE);
    let seen = page.seen(&mut Browser::start(&chromium), LAPTOP, "light");
    assert_eq!(seen.page["title"], "inference under load – slogen simulate");
    assert_eq!(seen.page["heading"], "inference under load");
    let panels = seen.page["panels"].as_array().unwrap();
    let of = |key: &str| panels.iter().map(|panel| panel[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("head"), ["Load (users)", "Replicas (pods)", "Latency p95 (ms)"]);
    assert_eq!(words(&panels[0]["right"]), ["0", "200", "400", "600", "800", "1,000"]);
    assert_eq!(words(&panels[2]["left"]), ["0", "100", "200", "300", "400"]);
    assert_eq!(words(&panels[0]["legend"]), ["users", "throughput (right axis)"]);
    assert_eq!(words(&panels[1]["legend"]), ["replicas", "ready pods", "min, max"]);
    assert_eq!(words(&panels[2]["legend"]), ["p95", "target: p95 < 350 ms"]);
    for panel in panels {
        let entries = words(&panel["legend"]).len();
        assert_eq!(panel["curves"].as_u64().unwrap(), words(&panel["drawn"]).len() as u64);
        assert!(words(&panel["drawn"]).len() + usize::from(panel["levels"] != 0) == entries);
    }
    let times: Vec<String> = (0..=12).map(|minute| minute.to_string()).collect();
    assert_eq!(words(&seen.page["times"]), times);
    assert_eq!(seen.page["timeTitle"], "time since the start (minutes)");
    assert_eq!(words(&seen.page["stages"]), ["50 users", "100 users", "200 users"]);
}

/// The target is a line across the latency chart, as high as its bound, with the bound beside it.
#[test]
fn the_target_is_where_its_bound_is() {
    let Some(chromium) = tool("chromium") else { return };
    let mut browser = Browser::start(&chromium);
    for load in [&GUIDE[..], &DAY, &OVERLOAD] {
        let page = Page::of(load);
        for width in [LAPTOP, PHONE] {
            let target = page.seen(&mut browser, width, "light").page["target"].clone();
            assert_eq!(target["label"], "< 350 ms", "{load:?}");
            let value = target["value"].as_f64().unwrap();
            assert!((value - 350.0).abs() < 1.5, "{load:?}: the line is at {value} ms");
            assert_eq!(target["inside"], true, "{load:?} at {width}");
            assert_eq!(target["across"], true, "{load:?} at {width}");
        }
    }
}

#[test]
fn nothing_is_missing_hidden_or_fetched() {
    let Some(chromium) = tool("chromium") else { return };
    let mut browser = Browser::start(&chromium);
    for load in [&GUIDE[..], &DAY, &OVERLOAD, &CROWD] {
        let page = Page::of(load);
        for (width, scheme) in
            [(LAPTOP, "light"), (LAPTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
        {
            let seen = page.seen(&mut browser, width, scheme);
            let at = format!("{load:?} at {width} px, {scheme}");
            assert_eq!(seen.console, [""; 0], "{at}");
            assert_eq!(seen.requests, [seen.address.as_str()], "{at}");
            for wrong in ["overflowing", "overlapping", "small", "faint"] {
                assert_eq!(words(&seen.page[wrong]), [""; 0], "{at}: {wrong}");
            }
            assert_eq!(seen.page["pictures"], 1, "{at}");
            // A table of several targets is wider than a laptop.
            let scrolled = width == PHONE || load == CROWD;
            assert_eq!(seen.page["scrolled"], scrolled, "{at}");
            let dark = seen.page["background"].as_f64().unwrap() < 0.2;
            assert_eq!(dark, scheme == "dark", "{at}");
        }
    }
}

/// Rows and sentences are those of the terminal.
#[test]
fn the_page_says_what_the_terminal_says() {
    let Some(chromium) = tool("chromium") else { return };
    let mut browser = Browser::start(&chromium);
    for load in [&GUIDE[..], &DAY, &OVERLOAD] {
        let seen = Page::of(load).seen(&mut browser, LAPTOP, "light").page;
        let folder = tempfile::tempdir().unwrap();
        let told = simulate(folder.path(), load);
        let sentences: Vec<&str> =
            told.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        assert!(sentences.len() > 5);
        // What is code stands between backticks in a terminal, and is set in another font on a page.
        let plain: Vec<String> = sentences.iter().map(|it| it.replace('`', "")).collect();
        assert_eq!(words(&seen["sentences"]), plain);
        let table: Vec<&str> = told.lines().take_while(|line| !line.is_empty()).collect();
        let rows: Vec<String> = table[1..].iter().map(|line| spaced(line)).collect();
        assert_eq!(words(&seen["rows"]), rows);
        assert_eq!(seen["ragged"], false);
    }
}

fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn saturated_periods_are_hatched_and_named() {
    let Some(chromium) = tool("chromium") else { return };
    let mut browser = Browser::start(&chromium);
    let seen = Page::of(&OVERLOAD).seen(&mut browser, LAPTOP, "light").page;
    assert!(seen["hatched"].as_u64().unwrap() > 0);
    assert!(words(&seen["panels"][2]["legend"]).contains(&"saturated: no figure"));
    let seen = Page::of(&GUIDE).seen(&mut browser, LAPTOP, "light").page;
    assert_eq!(seen["hatched"], 0);
}

/// Nothing that anyone writes becomes markup: here it is the type of a trigger, which an assumption quotes.
#[test]
fn what_a_file_says_stays_text() {
    let Some(chromium) = tool("chromium") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = "<script>document.title='pwned'</script><img src=x>&amp;";
    let trigger =
        format!("\n[[scaling.keda.triggers]]\ntype = \"{script}\"\nmetadata = {{ a = \"b\" }}\n");
    let reference = include_str!("golden/keda/slo.toml");
    fs::write(folder.path().join("slo.toml"), [reference, &trigger, SIMULATE].concat()).unwrap();
    let arguments = ["simulate", "--rps", "10", "--format", "html"];
    let output = slogen().current_dir(folder.path()).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let page = Page::with(folder, String::from_utf8(output.stdout).unwrap());
    let seen = page.seen(&mut Browser::start(&chromium), LAPTOP, "light");
    assert_eq!((seen.page["scripts"].as_u64(), seen.page["images"].as_u64()), (Some(0), Some(0)));
    assert!(!seen.page["title"].as_str().unwrap().contains("pwned"));
    assert!(words(&seen.page["sentences"]).iter().any(|sentence| sentence.contains(script)));
    assert_eq!(seen.console, [""; 0]);
}

/// A change of the picture is to be seen: by whoever reads the change, and by whoever opens the file.
#[test]
fn the_picture_is_as_expected() {
    let bless = std::env::var_os("SLOGEN_BLESS").is_some_and(|value| value == "1");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulate/guide.svg");
    let folder = tempfile::tempdir().unwrap();
    let drawn = simulate(folder.path(), &[&GUIDE[..], &["--format", "svg"]].concat());
    if bless {
        fs::write(&path, &drawn).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let difference = TextDiff::from_lines(&expected, &drawn);
    assert!(
        expected == drawn,
        "\n{}\nif that is right: SLOGEN_BLESS=1 cargo test --test simulate_html",
        difference.unified_diff().header("tests/simulate/guide.svg", "what slogen draws")
    );
}

/// The checks above find what they look for.
#[test]
fn a_broken_page_is_noticed() {
    let Some(chromium) = tool("chromium") else { return };
    let sound = Page::of(&GUIDE);
    let mut browser = Browser::start(&chromium);
    let mut opened = |html: String| {
        Page::with(tempfile::tempdir().unwrap(), html).seen(&mut browser, LAPTOP, "light")
    };
    let image = "<main><img alt=\"\" src=\"gone.png\"/>";
    let fetching = sound.html.replace("<main>", image);
    let seen = opened(fetching.clone());
    assert!(!seen.console.is_empty(), "the policy of the page forbids nothing");
    let seen = opened(fetching.replace("Content-Security-Policy", "refresh-policy"));
    assert_eq!(seen.requests.len(), 2, "{:?}", seen.requests);
    let mut broken = |from: &str, to: &str| {
        assert!(sound.html.contains(from), "no `{from}`");
        opened(sound.html.replace(from, to))
    };
    let seen = broken("<main>", "<main style=\"width:1400px;max-width:none\">");
    assert!(!words(&seen.page["overflowing"]).is_empty());
    let seen = broken(">2</text>", ">a very long label of a tick</text>");
    assert!(!words(&seen.page["overlapping"]).is_empty());
    let seen = broken("color:#59636e", "color:#eeeeee");
    assert!(!words(&seen.page["faint"]).is_empty());
}
