//! How fast `slogen lint` is: 5,000 services in 30,000 files, against a program that only reads them.
//!
//! `cargo bench --bench lint` writes the fleet to a temporary folder, runs both in turn, and prints the medians of
//! wall time, CPU time (user and system) and peak memory. It needs Linux, whose /proc it reads.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for one's own machine")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../tests/common/fleet.rs"]
mod fleet;

const SERVICES: usize = 5000;
const RUNS: usize = 7;

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    /// In bytes.
    memory: u64,
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..SERVICES {
        let service = folder.path().join(fleet::name(index));
        fs::create_dir(&service).unwrap();
        for (file, text) in fleet::FILES {
            fs::write(service.join(file), fleet::filled(text, index)).unwrap();
        }
    }
    let one = folder.path().join(fleet::name(0)).join("workload.yaml");
    let slogen = env!("CARGO_BIN_EXE_slogen");
    let mut read = shell("find . -type f -print0 | xargs -0 cat", folder.path());
    let mut lint = lint(slogen, folder.path());
    let mut single = self::lint(slogen, &one);
    for command in [&mut read, &mut lint, &mut single] {
        measure(command);
    }
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        for (command, costs) in [&mut read, &mut lint, &mut single].into_iter().zip(&mut costs) {
            costs.push(measure(command));
        }
    }
    let names = ["find | xargs cat", "slogen lint", "slogen lint, one file"];
    for (name, costs) in names.into_iter().zip(&costs) {
        println!(
            "{name:22} {:7.3} s wall {:6.2} s CPU {:5} MiB",
            median(costs, |cost| cost.wall.as_secs_f64()),
            median(costs, |cost| cost.cpu.as_secs_f64()),
            median(costs, |cost| cost.memory) >> 20,
        );
    }
    let cpu = |costs: &[Cost]| median(costs, |cost| cost.cpu.as_secs_f64());
    println!("CPU of lint over reading: {:.2}", cpu(&costs[1]) / cpu(&costs[0]));
}

fn shell(script: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder);
    command
}

fn lint(slogen: &str, path: &Path) -> Command {
    let mut command = Command::new(slogen);
    command.args(["lint", "--no-config"]).arg(path);
    command
}

fn measure(command: &mut Command) -> Cost {
    let before = children();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        memory = peak(child.id()).unwrap_or(0).max(memory);
        std::thread::sleep(Duration::from_micros(500));
    };
    let wall = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    Cost { wall, cpu: children().saturating_sub(before), memory }
}

/// CPU time of all children so far, in hundredths of a second (proc(5): `cutime` and `cstime`).
fn children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// The most memory that a process has held.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

fn median<T: PartialOrd>(costs: &[Cost], of: impl Fn(&Cost) -> T) -> T {
    let mut values: Vec<T> = costs.iter().map(of).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values.swap_remove(RUNS / 2)
}
