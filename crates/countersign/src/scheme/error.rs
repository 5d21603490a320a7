//! What is wrong with a scheme file, and where.

use std::{fmt, ops::Range};

/// Why a scheme file was refused: the place, what is wrong there and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemeError {
    line: usize,
    column: usize,
    message: String,
    missing_feature: Option<&'static str>,
}

impl SchemeError {
    /// An error at a byte range of `text`.
    pub(crate) fn at(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self { line, column, message: message.into(), missing_feature: None }
    }

    /// An error that there would not be in another build.
    pub(crate) fn without_feature(self, feature: &'static str) -> Self {
        Self { missing_feature: Some(feature), ..self }
    }

    /// The cargo feature of `countersign` that has to be turned on for the file to be right, as far as that is what is wrong.
    pub fn missing_feature(&self) -> Option<&str> {
        self.missing_feature
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong and what was expected, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What to do about a name that only another build knows.
pub(super) fn not_built(name: &str, feature: &str) -> String {
    format!("`{name}` is not in this build: turn on the cargo feature `{feature}` of the crate `countersign`")
}

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for SchemeError {}
