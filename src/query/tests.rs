//! Tests of whole expressions.

mod generated;
mod places;
mod shapes;
