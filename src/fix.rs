//! Mends files: which fixes of a round go together, whether their result is what they promise, and again until
//! nothing is left to mend. Pure: texts in, texts out.

mod check;
mod round;
mod run;

pub use check::check;
pub use round::{Judge, Round, Texts, Verdict, round};
pub use run::{Applied, Dropped, MOST_ROUNDS, Outcome, run};

#[cfg(test)]
mod tests;
