//! `SchemeError`: what is wrong with a scheme file, and where.

use std::{fmt, ops::Range};

/// Why a scheme file was refused: the position, what is wrong there, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemeError {
    line: usize,
    column: usize,
    message: String,
    missing_feature: Option<&'static str>,
}

impl SchemeError {
    /// Creates an error at a byte range of `text`.
    pub(crate) fn at(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self { line, column, message: message.into(), missing_feature: None }
    }

    /// Marks the error as one that the cargo feature would avoid.
    pub(crate) fn without_feature(self, feature: &'static str) -> Self {
        Self { missing_feature: Some(feature), ..self }
    }

    /// Returns the cargo feature of `countersign` that the file needs, if that is what is wrong.
    pub fn missing_feature(&self) -> Option<&str> {
        self.missing_feature
    }

    /// Returns the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column, in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns what is wrong and what was expected, without the position.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The message for a name that needs a cargo feature.
pub(super) fn not_built(name: &str, feature: &str) -> String {
    format!("`{name}` is not in this build: turn on the cargo feature `{feature}` of the crate `countersign`")
}

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for SchemeError {}
