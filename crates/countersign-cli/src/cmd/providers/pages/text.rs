//! Texts of scheme files as HTML: `maud` escapes all of them, and only their marks become elements.

use maud::{Markup, html};

/// The file of a provider's page. `check_names` has checked that the id is a safe name.
pub(super) fn file_name(id: &str) -> String {
    format!("{id}.html")
}

/// Words, with code between backticks and emphasis between asterisks.
pub(super) fn words(text: &str) -> Markup {
    html! {
        @for (at, piece) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (piece) } } @else { (stressed(piece)) }
        }
    }
}

fn stressed(text: &str) -> Markup {
    let pieces: Vec<&str> = text.split('*').collect();
    let is_paired = pieces.len() % 2 == 1;
    html! {
        @if is_paired {
            @for (at, piece) in pieces.iter().enumerate() {
                @if at % 2 == 1 { em { (piece) } } @else { (piece) }
            }
        } @else { (text) }
    }
}

/// A link if the text is a web address, else the text.
pub(super) fn source(text: &str) -> Markup {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    html! {
        @if is_web && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            a href=(text) rel="noreferrer" { (text) }
        } @else { (words(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{source, words};

    #[test]
    fn marks_become_elements_and_nothing_else_does() {
        assert_eq!(words("a `b<i>` *c* <d>").0, "a <code>b&lt;i&gt;</code> <em>c</em> &lt;d&gt;");
        assert_eq!(words("2 * 3").0, "2 * 3");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(
            source("https://a.example/?b&c").0,
            "<a href=\"https://a.example/?b&amp;c\" rel=\"noreferrer\">https://a.example/?b&amp;c</a>"
        );
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "HTTPS://a",
            " https://a",
            "https://a b",
            "file:///x",
            "npm a@1",
        ] {
            assert!(!source(text).0.contains("<a"), "{text}");
        }
    }
}
