//! Tools that are installed on some machines only.

use std::path::PathBuf;

/// The path of an executable, or `None` after a word on what is skipped.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(&file)).find(|it| it.is_file());
    if found.is_none() {
        let required = std::env::var_os("SLOGEN_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "{name} is not installed, and SLOGEN_REQUIRE_TOOLS=1 wants it");
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: {name} is not installed");
        }
    }
    found
}
