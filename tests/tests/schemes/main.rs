//! Scheme files: which are refused, at which position and with which message; and what accepted ones say.

mod coverage;
mod in_words;
mod keys;
mod said;
mod words;

use countersign::Scheme;

pub(crate) const HEAD: &str = "name = \"T\"\n[signature]\n";

/// The rest of a valid signature table.
pub(crate) const HMAC: &str = "algorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n";
pub(crate) const TIME: &str = "[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";

/// Asserts that a file is refused at the beginning of `marked`, a text that occurs once in the file.
pub(crate) fn refused_at(file: &str, marked: &str, fragment: &str) {
    let error = Scheme::from_toml("t", file).expect_err(file);
    let at = file.find(marked).unwrap_or_else(|| panic!("`{marked}` is not in:\n{file}"));
    let line = file[..at].matches('\n').count() + 1;
    let column = file[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    assert_eq!((error.line(), error.column()), (line, column), "{error}\n{file}");
    assert!(error.message().contains(fragment), "`{fragment}` is not in: {error}");
    assert!(error.to_string().starts_with(&format!("line {line}, column {column}: ")), "{error}");
    assert_eq!(error.missing_feature(), None, "every feature is there: {error}");
}

/// Asserts that a file is refused, at any position.
pub(crate) fn refused(file: &str, fragment: &str) {
    let error = Scheme::from_toml("t", file).expect_err(file);
    assert!(error.message().contains(fragment), "`{fragment}` is not in: {error}");
    assert!(error.line() >= 1 && error.column() >= 1);
}

pub(crate) fn accepted(file: &str) -> Scheme {
    Scheme::from_toml("t", file).unwrap_or_else(|error| panic!("{error}\n{file}"))
}
