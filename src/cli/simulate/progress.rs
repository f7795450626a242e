//! Progress of long runs, on a terminal only.

use std::sync::Once;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of a run is done. Threads may share it; it is gone from the screen when dropped.
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: Once,
}

impl Progress {
    /// Of so many things, such as `runs`.
    pub(in crate::cli) fn new(count: usize, of: &'static str) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Self::of(Some(count), "{bar:40} {pos}/{len} {msg}, {eta} left", of)
    }

    /// Of things whose number nobody knows yet.
    pub(in crate::cli) fn counting(of: &'static str) -> Self {
        Self::of(None, "{spinner} {pos} {msg} in {elapsed}", of)
    }

    fn of(count: Option<u64>, template: &str, of: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(count, ProgressDrawTarget::hidden());
        // A template that does not parse leaves the bar as it is by default.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(of);
        Self { bar, start: Instant::now(), shown: Once::new() }
    }

    /// So much of it is done.
    pub(super) fn at(&self, done: usize) {
        self.show();
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// One more is done.
    pub(in crate::cli) fn add(&self) {
        self.show();
        self.bar.inc(1);
    }

    /// Draws from now on, if it is time; what is no terminal stays clean.
    fn show(&self) {
        if self.start.elapsed() > PATIENCE {
            self.shown.call_once(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
