//! Text from templates: alert annotations and the starter file, never YAML structure.
//!
//! Delimiters are `${ … }` and `%{ … }%`: `{{ … }}` belongs to Prometheus, `[[ … ]]` to TOML.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

/// `template` with `context` put in. An undefined variable is an error, and a bug of slogen.
pub fn fill(template: &str, context: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .variable_delimiters("${", "}")
            .block_delimiters("%{", "}%")
            .comment_delimiters("#{", "}#")
            .keep_trailing_newline(true)
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.render_str(template, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn prometheus_templates_pass_through() {
        let text =
            fill("${ name }: {{ $value | humanize }} [[patch]]", context! { name => "{{ x }}" });
        assert_eq!(text.unwrap(), "{{ x }}: {{ $value | humanize }} [[patch]]");
    }

    #[test]
    fn undefined_variables_are_errors() {
        assert!(fill("${ nmae }", context! { name => "x" }).is_err());
    }
}
