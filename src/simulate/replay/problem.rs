//! What is wrong with a recorded run.

use std::fmt;

/// Why a text is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Column in the line, from 1, counted in bytes; 0 where only the field is known.
    pub column: usize,
    /// Path of the field, such as `steps[3].t`; empty where only the column is known.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    pub(super) fn at(field: String, message: String) -> Self {
        Self { column: 0, field, message }
    }
}

impl fmt::Display for Problem {
    /// `COLUMN: message`, or `field: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.column > 0 {
            write!(f, "{}: {}", self.column, self.message)
        } else {
            write!(f, " `{}` {}", self.field, self.message)
        }
    }
}
