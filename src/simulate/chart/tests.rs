//! Whole pictures and pages.
