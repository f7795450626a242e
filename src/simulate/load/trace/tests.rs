//! Traces that are read, and what is said of those that are not.

#![expect(clippy::format_collect, reason = "the texts are small")]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::finding::Label;

fn read_text(text: &str, reading: Reading) -> (Option<Trace>, Vec<String>) {
    let mut files = Files::default();
    let file = files.add("load", text.to_owned());
    let (trace, findings) = read(&files, file, reading);
    let at = |label: &Label| files.position(label.span);
    let told = findings.iter().map(|finding| {
        assert_eq!(finding.rule, "simulate/trace");
        let mut line =
            format!("{} {}: {}", at(&finding.primary), finding.severity.word(), finding.message);
        if let Some(help) = &finding.help {
            let _ = write!(line, "; {help}");
        }
        for label in &finding.labels {
            let _ = write!(line, " [{}: {}]", at(label), label.message);
        }
        line
    });
    (trace, told.collect())
}

fn samples(text: &str) -> Trace {
    let (trace, findings) = read_text(text, Reading::default());
    assert_eq!(findings, [""; 0]);
    trace.unwrap()
}

fn users() -> Reading {
    Reading { unit: Some(Unit::Users), ..Reading::default() }
}

/// What is said of a trace that is none.
fn refused(text: &str) -> Vec<String> {
    let (trace, findings) = read_text(text, Reading::default());
    assert_eq!(trace, None, "{text}");
    findings
}

fn matrix(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{series}}}}}"#)
}

#[test]
fn reads_csv_as_people_and_programs_write_it() {
    let plain = samples("t,rps\n0,50\n15,60.5\n30,1e2\n");
    assert_eq!(
        plain,
        Trace {
            unit: Unit::Rps,
            times: vec![0.0, 15.0, 30.0],
            values: vec![50.0, 60.5, 100.0],
            think_s: None
        }
    );
    let awkward = "\u{feff}# recorded on Monday\r\n\r\n \"T\" , \"RPS\"\r\n\"0\",50\r\n  # a pause\r\n 15 , \"60.5\" \r\n\r\n30,1e2";
    assert_eq!(samples(awkward), plain);
    assert_eq!(samples("rps,timestamp\n50,1767225600\n60.5,1767225615\n100,1767225630\n"), plain);
    assert_eq!(
        samples(
            "time,rps\n2026-01-01T00:00:00Z,50\n2026-01-01T01:00:15+01:00,60.5\n2025-12-31 23:00:30-01:00,100\n"
        ),
        plain
    );
    assert_eq!(
        samples("t,users,think\n0,5,0.1\n15,10,0\n"),
        Trace {
            unit: Unit::Users,
            times: vec![0.0, 15.0],
            values: vec![5.0, 10.0],
            think_s: Some(vec![0.1, 0.0])
        }
    );
    let (trace, findings) = read_text("t,users\n0,5\n15,10\n", users());
    assert_eq!((trace.map(|trace| trace.unit), findings.len()), (Some(Unit::Users), 0));
}

#[test]
fn reads_what_prometheus_and_promtool_print() {
    let expected = Trace {
        unit: Unit::Rps,
        times: vec![0.0, 15.0, 30.0],
        values: vec![50.0, 60.5, 0.0125],
        think_s: None,
    };
    let one = r#"[{"metric":{"pod":"a"},"values":[[1767225600,"50"],[1767225615.000,"60.5"],[1767225630,"1.25e-02"]]}]"#;
    assert_eq!(samples(&matrix(one)), expected);
    assert_eq!(samples(&format!(r#"{{"resultType":"matrix","result":{one}}}"#)), expected);
    assert_eq!(samples(&format!("\u{feff}\n {one}\n")), expected);
    let warned = r#"{"status":"success","warnings":["slow"],"data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[15,"2"]]}],"stats":{}}}"#;
    assert_eq!(samples(warned).values, [1.0, 2.0]);
    let (trace, findings) = read_text(one, users());
    assert_eq!((trace.map(|trace| trace.unit), findings.len()), (Some(Unit::Users), 0));
}

/// A pod that comes later, one that goes, and one with a single sample.
#[test]
fn adds_series_up_where_their_times_agree() {
    let trace = samples(&matrix(
        r#"[{"values":[[0,"1"],[15,"2"],[30,"3"]]},{"values":[[15,"10"],[30,"20"],[45,"30"]]},{"values":[[30,"100"]]}]"#,
    ));
    assert_eq!(trace.times, [0.0, 15.0, 30.0, 45.0]);
    assert_eq!(trace.values, [1.0, 12.0, 123.0, 30.0]);
    assert_eq!(
        refused(&matrix(r#"[{"values":[[0,"1"],[15,"2"]]},{"values":[[7,"10"],[22,"20"]]}]"#)),
        [
            "1:102 error: the samples of this series lie between those of another one, so they cannot be added up; query the sum over all series instead [1:72: the sample before, of another series]"
        ]
    );
}

#[test]
fn gaps_are_errors_until_they_may_be_filled() {
    let text = "t,rps\n0,1\n60,1\n120,1\n421,1\n481,1\n";
    let gap = "there is no sample for 5m1s, where steps are 1m mostly";
    assert_eq!(
        refused(text),
        [format!(
            "5:1 error: {gap}; add what is missing, or take a straight line for it: `--fill-gaps` \
             [4:1: the sample before, on line 4]"
        )]
    );
    let (trace, findings) = read_text(text, Reading { fill_gaps: true, unit: None });
    assert_eq!(trace.unwrap().times, [0.0, 60.0, 120.0, 421.0, 481.0]);
    assert_eq!(
        findings,
        [format!(
            "5:1 warning: {gap}; the load is a straight line in between: a guess [4:1: the sample before, on line 4]"
        )]
    );
    // Five times the step is none.
    assert_eq!(samples("t,rps\n0,1\n60,1\n120,1\n420,1\n").times.len(), 4);
    assert_eq!(samples("t,rps\n0,1\n86400,1\n").times.len(), 2);
    let filled =
        read_text("t,rps\n0,1\n.5,1\n1,1\n9,1\n", Reading { fill_gaps: true, unit: None }).1;
    assert!(filled[0].contains("no sample for 8s, where steps are 0.5s mostly"), "{filled:?}");
}

#[test]
fn says_what_is_wrong_with_times() {
    for (text, expected) in [
        (
            "t,rps\n0,1\n30,1\n15,1\n",
            &[
                "4:1 error: this time is before the one of the sample before; order the samples by time [3:1: the sample before]",
            ][..],
        ),
        (
            "rps,t\n1,0\n1,15\n1,15.0\n",
            &[
                "4:3 error: two samples have the same time; keep one of them, or add them up [3:3: the sample before]",
            ],
        ),
        (
            "t,rps\n5,40\n",
            &[
                "2:1 error: one sample is no load over time; give two or more, or write a constant load as `--rps 40`",
            ],
        ),
        ("t,users\n", &["1:1 error: the trace has no samples; give two or more"]),
        (
            "t,rps\n0,1\n34560001,1\n",
            &[
                "3:1 error: the trace ends 400 days after its start; a load lasts at most 400 days; times are seconds: divide \
               milliseconds by 1000, or cut a part out",
            ],
        ),
        (
            "t,rps\n1767225600000,1\n",
            &[
                "2:1 error: the time `1767225600000` is beyond the year 5000; times are seconds: divide milliseconds by 1000",
            ],
        ),
        (
            "t,rps\n0,1\n-15,1\nNaN,1\ninf,1\n12:30,1\n,1\n",
            &[
                "3:1 error: the time `-15` is negative; count seconds from the start of the trace",
                "4:1 error: `NaN` is no time; write seconds, such as `15`",
                "5:1 error: `inf` is no time; write seconds, such as `15`",
                "6:1 error: `12:30` is no time; write seconds, such as `15`, a unix timestamp, or RFC 3339, such as `2026-01-31T09:30:00Z`",
                "7:1 error: `` is no time; write seconds, such as `15`, a unix timestamp, or RFC 3339, such as `2026-01-31T09:30:00Z`",
            ],
        ),
        (
            "t,rps\n2026-01-01T00:00:00,1\n2026-02-30T00:00:00Z,2\n60,1\n",
            &[
                "2:1 error: the time `2026-01-01T00:00:00` has no time zone; write `2026-01-01T00:00:00Z` if it is UTC, or the offset: `2026-01-01T00:00:00+01:00`",
                "3:1 error: `2026-02-30T00:00:00Z` is no time; write RFC 3339, such as `2026-01-31T09:30:00Z`, or seconds",
                "4:1 error: `60` is another form of time than in the rows before; write all times as seconds, or all as RFC 3339",
            ],
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn says_what_is_wrong_with_values() {
    assert_eq!(
        refused(
            "t,users,think\n0,NaN,1\n15,-3,1\n30, \"+Inf\",1\n45,1e10,1\n60,,1\n75,many,90000\n90,1,-1\n"
        ),
        [
            "2:3 error: `NaN` is no value; write a number; where nothing was offered, write `0`",
            "3:4 error: `-3` is negative; write 0 or more: clients take no request back",
            "4:5 error: `+Inf` is infinite; write a finite number, such as `50`",
            "5:4 error: `1e10` is more than any service gets; write at most `1e9`; check the unit",
            "6:4 error: a number is missing; write one, such as `50`",
            "7:4 error: `many` is not a number; write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
            "7:9 error: a think time of `90000` seconds is longer than a day; write seconds: divide milliseconds by 1000",
            "8:6 error: `-1` is negative; write 0 or more: clients take no request back",
        ]
    );
}

#[test]
fn says_what_is_wrong_with_the_form_of_csv() {
    const HEADER: &str = "begin the file with `t,rps`, `t,users` or `t,users,think`";
    for (text, expected) in [
        (
            "",
            "1:1 error: the trace is empty; write a CSV file with the columns `t,rps` or `t,users`, or save what Prometheus answers to a range query",
        ),
        (
            " \r\n\t\n",
            "1:1 error: the trace is empty; write a CSV file with the columns `t,rps` or `t,users`, or save what Prometheus answers to a range query",
        ),
        (
            "# t,rps\n",
            "1:1 error: the trace holds nothing but comments; begin it with a header, `t,rps` or `t,users`, and write a row for each sample",
        ),
        (
            "0,50\n15,60\n",
            "1:1 error: the first row holds a sample, and no names of columns; {HEADER}",
        ),
        (
            "2026-01-01T00:00:00Z,50\n",
            "1:1 error: the first row holds a sample, and no names of columns; {HEADER}",
        ),
        (
            "\nt;rps\n0;50,5\n",
            "2:1 error: the columns are separated by `;`; separate them by `,`, with `.` for the decimals of numbers",
        ),
        (
            "t\trps\n",
            "1:1 error: the columns are separated by tabs; separate them by `,`, with `.` for the decimals of numbers",
        ),
        ("t,user\n", "1:3 error: `user` is no column of a trace; did you mean `users`? {HEADER}"),
        ("t,rps,p95\n", "1:7 error: `p95` is no column of a trace; take it out; {HEADER}"),
        ("t,rps,latency\n", "1:7 error: `latency` is no column of a trace; take it out; {HEADER}"),
        ("t,rps,time\n", "1:7 error: `time` is here for the second time; {HEADER}"),
        ("t,rps,users\n", "1:1 error: `rps` and `users` are two loads: open and closed; {HEADER}"),
        (
            "t,rps,think\n",
            "1:1 error: `think` is for users; requests per second do not wait; {HEADER}",
        ),
        ("rps\n", "1:1 error: no column says when: `t` is missing; {HEADER}"),
        ("t,think\n", "1:1 error: no column says how much: `rps` or `users` is missing; {HEADER}"),
        (
            "t,rps\n0,1,2\n",
            "2:1 error: the row has 3 fields, the header 2 fields; give each column its value; decimals are written with `.`",
        ),
        (
            "t,rps\n0\n",
            "2:1 error: the row has one field, the header 2 fields; give each column its value; decimals are written with `.`",
        ),
        ("t,rps\n0,\"1\n", "2:3 error: the quote has no end on its line; close it, or take it out"),
        (
            "t,rps\n0,\"1\"\"\n",
            "2:3 error: the quote has no end on its line; close it, or take it out",
        ),
        (
            "t,rps\n\"0\"5,1\n",
            "2:1 error: there is more behind the quote; separate fields by commas",
        ),
        (
            "t,rps\n0,\"1\"\"2\"\n",
            "2:3 error: `1\"2` is not a number; write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
        ),
    ] {
        let expected = expected.replace("{HEADER}", HEADER);
        assert_eq!(refused(text)[..1], [expected], "{text}");
    }
    for (text, unit, message) in [
        ("t,rps\n", Unit::Users, "the column is `rps`, but `--trace-unit` says users"),
        ("t,users\n", Unit::Rps, "the column is `users`, but `--trace-unit` says rps"),
    ] {
        let (_, findings) = read_text(text, Reading { unit: Some(unit), fill_gaps: false });
        assert_eq!(findings, [format!("1:1 error: {message}; {HEADER}")]);
    }
}

#[test]
fn says_what_is_wrong_with_the_form_of_json() {
    const QUERY: &str =
        "save the answer of `/api/v1/query_range`, or what `promtool query range -o json` prints";
    let cut = matrix(r#"[{"values":[[0,"1"]"#);
    for (text, expected) in [
        (matrix("[]"), "1:60 error: Prometheus has answered with no series; check the query and its times: it found no series"),
        (
            r#"{"status":"error","errorType":"bad_data","error":"parse error: unclosed"}"#.to_owned(),
            "1:1 error: Prometheus has answered with an error: parse error: unclosed; {QUERY}",
        ),
        (
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}"#.to_owned(),
            "1:1 error: the answer is a vector, which is of one moment; a range query gives a matrix; {QUERY}",
        ),
        (r#"{"kind":"Deployment"}"#.to_owned(), "1:1 error: this JSON has no `result`, so it is no answer of Prometheus; {QUERY}"),
        (matrix(r#"[{"metric":{}}]"#), "1:60 error: a series has no `values`; {QUERY}"),
        (matrix(r#"[{"metric":{},"histograms":[[0,{}]]}]"#), "1:60 error: a series holds native histograms, and no numbers; {QUERY}"),
        (matrix(r#"[{"values":[[0,"1"],[15,NaN]]}]"#), "1:84 error: NaN and infinity are no numbers in JSON; {QUERY}"),
        (matrix(r#"[{"values":[[0,"1"],[15,-Infinity]]}]"#), "1:85 error: NaN and infinity are no numbers in JSON; {QUERY}"),
        (cut.trim_end_matches('}').to_owned(), "1:78 error: EOF while parsing a list: the text is cut off; {QUERY}"),
        (
            "{\n  \"resultType\": \"matrix\",\n  \"result\": 5\n}".to_owned(),
            "3:13 error: invalid type: integer `5`, expected a sequence; {QUERY}",
        ),
    ] {
        assert_eq!(refused(&text), [expected.replace("{QUERY}", QUERY)], "{text}");
    }
}

#[test]
fn says_what_is_wrong_with_the_samples_of_json() {
    const SAMPLE: &str = "a sample is a time and a value: `[1435781430.781, \"1\"]`";
    let lines = "[{\"values\":[\n[0,\"NaN\"],\n  [15,\"-1\"],\n[30,\"+Inf\"],\n[45,60],\n[\"60\",\"1\"],\n[75,\"1\",2],\n[-90,\"1\"],\n[1767225600000,\"1\"]]}]";
    let expected = [
        "2:1 error: `NaN` is no value; write a number; where nothing was offered, write `0`",
        "3:3 error: `-1` is negative; write 0 or more: clients take no request back",
        "4:1 error: `+Inf` is infinite; write a finite number, such as `50`",
        "5:1 error: `[45,60]` is no sample; {SAMPLE}",
        "6:1 error: `\"60\"` is no time; write seconds, such as `15`, a unix timestamp, or RFC 3339, such as `2026-01-31T09:30:00Z`",
        "7:1 error: `[75,\"1\",2]` is no sample; {SAMPLE}",
        "8:1 error: the time `-90` is negative; count seconds from the start of the trace",
        "9:1 error: the time `1767225600000` is beyond the year 5000; times are seconds: divide milliseconds by 1000",
    ];
    assert_eq!(refused(lines), expected.map(|line| line.replace("{SAMPLE}", SAMPLE)));
    assert_eq!(
        refused("[{\"values\":[[30,\"1\"],\n[15,\"1\"],\n[15,\"1\"]]}]"),
        [
            "2:1 error: this time is before the one of the sample before; order the samples by time [1:13: the sample before]",
            "3:1 error: two samples have the same time; keep one of them, or add them up [2:1: the sample before]",
        ]
    );
}

#[test]
fn tells_ten_problems_and_how_many_more_there_are() {
    let rows: String = (0..30).map(|row| format!("{row},-1\n")).collect();
    let findings = refused(&format!("t,rps\n{rows}"));
    assert_eq!(findings.len(), 11);
    assert_eq!(findings[10], "12:4 error: from here on there are 20 more problems");
    let gaps: String =
        (0..60).map(|row| format!("{},1\n", if row < 31 { row } else { row * 100 })).collect();
    let (trace, findings) =
        read_text(&format!("t,rps\n{gaps}"), Reading { fill_gaps: true, unit: None });
    assert!(trace.is_some());
    assert_eq!(findings[10], "43:1 warning: from here on there are 19 more problems");
}

#[test]
fn large_traces_have_an_end() {
    let mut text = "t,rps\n".to_owned();
    for t in 0..=MOST_SAMPLES {
        let _ = writeln!(text, "{t},1");
    }
    assert_eq!(
        refused(&text),
        [
            "2000002:1 error: there are more than 2000000 samples; record it in larger steps: 15 seconds are what an HPA sees"
        ]
    );
    let larger = " ".repeat(usize::try_from(MAX_BYTES).unwrap() + 1);
    assert_eq!(
        refused(&larger),
        [
            "1:1 error: the trace is larger than 64 MiB; record it in larger steps: 15 seconds are what an HPA sees"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is in a file: a usable trace or an error, never both, never neither.
    #[test]
    fn any_text_is_a_trace_or_an_error(
        text in "(t,(rps|users)\r?\n)?([0-9.eE+#\"-]{0,4},[0-9NaIinf.\"-]{0,4}\r?\n){0,8}|[\\[{]\\PC{0,60}|\\PC{0,40}",
        fill_gaps in any::<bool>(),
    ) {
        let mut files = Files::default();
        let file = files.add("load", text.clone());
        let (trace, findings) = read(&files, file, Reading { unit: None, fill_gaps });
        let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
        prop_assert_eq!(trace.is_none(), errors);
        for finding in &findings {
            let span = finding.primary.span;
            prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
        }
        if let Some(trace) = trace {
            prop_assert!(trace.times.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(trace.values.iter().all(|value| (0.0..=1e9).contains(value)));
        }
    }

    /// A trace written as CSV and as JSON is the same trace.
    #[test]
    fn csv_and_json_agree(values in prop::collection::vec(0.0..1e6_f64, 2..40)) {
        let rows: String = (0..).zip(&values).map(|(at, value)| format!("{},{value}\n", at * 15)).collect();
        let pairs: Vec<_> = (0..).zip(&values).map(|(at, value)| format!("[{},\"{value}\"]", at * 15)).collect();
        let json = matrix(&format!("[{{\"values\":[{}]}}]", pairs.join(",")));
        let csv = samples(&format!("t,rps\n{rows}"));
        prop_assert_eq!(&csv.values, &values);
        prop_assert_eq!(csv, samples(&json));
    }
}
