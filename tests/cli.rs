//! What a user sees: commands with their whole output, as recorded in `tests/cmd`.
//!
//! `TRYCMD=overwrite cargo test --test cli` records anew; read the difference before you commit it.

#[test]
fn commands() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
