//! Parses templates of scheme files: text with `{placeholders}`.

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Literal text.
    Literal(&'t str),
    /// `{name}` or `{name:argument}`, and the position of its opening brace.
    Placeholder { name: &'t str, argument: Option<&'t str>, offset: usize },
}

/// What is wrong with a template, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) offset: usize,
    pub(crate) message: String,
    /// The cargo feature that would make it valid.
    pub(crate) missing_feature: Option<&'static str>,
}

impl TemplateError {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), missing_feature: None }
    }
}

/// Splits a template into its pieces. `{{` and `}}` are single braces.
pub(crate) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = template.get(at..).filter(|rest| !rest.is_empty()) {
        let (piece, len) = match rest.find(['{', '}']) {
            Some(0) if rest.starts_with("{{") || rest.starts_with("}}") => (Piece::Literal(&rest[..1]), 2),
            Some(0) if rest.starts_with('{') => placeholder(rest, at)?,
            Some(0) => {
                return Err(TemplateError::new(at, "a `}` without its `{`; write `}}` for the character itself"));
            }
            Some(brace) => (Piece::Literal(&rest[..brace]), brace),
            None => (Piece::Literal(rest), rest.len()),
        };
        pieces.push(piece);
        at += len;
    }
    Ok(pieces)
}

fn placeholder(rest: &str, offset: usize) -> Result<(Piece<'_>, usize), TemplateError> {
    let close = rest
        .find('}')
        .ok_or_else(|| TemplateError::new(offset, "a `{` without its `}`; write `{{` for the character itself"))?;
    let inside = &rest[1..close];
    let (name, argument) = match inside.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (inside, None),
    };
    Ok((Piece::Placeholder { name, argument, offset }, close + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_placeholders_come_in_order() {
        let expected = [
            Piece::Literal("v0:"),
            Piece::Placeholder { name: "json", argument: Some("/a/b"), offset: 3 },
            Piece::Literal("{"),
            Piece::Literal("x"),
        ];
        assert_eq!(pieces("v0:{json:/a/b}{{x").unwrap(), expected);
    }

    #[test]
    fn a_lone_brace_is_refused_at_its_position() {
        assert_eq!(pieces("ab}").unwrap_err().offset, 2);
        assert_eq!(pieces("ab{c").unwrap_err().offset, 2);
    }
}
