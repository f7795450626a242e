//! Text from templates: alert annotations and the starter file, never YAML structure.
//!
//! Delimiters are `${ … }` and `%{ … }%`: `{{ … }}` belongs to Prometheus, `[[ … ]]` to TOML.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// One for all texts: a service has dozens of them, and a run may have a thousand services.
static ENVIRONMENT: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(environment);

/// `template` with `context` put in. An undefined variable is an error, and a bug of slogen.
pub fn fill(template: &str, context: Value) -> Result<String, Error> {
    match &*ENVIRONMENT {
        Ok(environment) => environment.render_str(template, context),
        Err(error) => Err(Error::new(ErrorKind::InvalidDelimiter, error.to_string())),
    }
}

fn environment() -> Result<Environment<'static>, Error> {
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
    Ok(environment)
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
