//! JSON that was parsed and written anew.

use super::{BodyMistake, BodyVariant};
use crate::explain::json_style::{Layout, Style, Text, parse};

/// The document in every style, the plainest first, with and without a line feed at its end.
pub(super) fn variants(body: &[u8]) -> Vec<BodyVariant> {
    let Some(document) = std::str::from_utf8(body).ok().and_then(parse) else { return Vec::new() };
    let mut variants = Vec::new();
    for sorted in [false, true] {
        for (text, escapes) in TEXTS {
            for (layout, spaces) in LAYOUTS {
                let signed = format!("{spaces}{escapes}{}", if sorted { ", with its keys sorted" } else { "" });
                let body = Style { layout, text, sorted }.write(&document);
                let line = format!("{body}\n");
                variants.push(BodyVariant::new(body, BodyMistake::Reserialised { signed: signed.clone() }));
                let signed = format!("{signed}, with a line feed at its end");
                variants.push(BodyVariant::new(line, BodyMistake::Reserialised { signed }));
            }
        }
    }
    variants
}

const LAYOUTS: [(Layout, &str); 5] = [
    (Layout::Compact, "compact"),
    (Layout::Spaced, "written with a space behind `,` and `:`"),
    (Layout::Indented("  "), "indented by two spaces"),
    (Layout::Indented("    "), "indented by four spaces"),
    (Layout::Indented("\t"), "indented by tabs"),
];

const TEXTS: [(Text, &str); 7] = [
    (Text::Kept, ""),
    (Text::Plain, ", without needless escapes"),
    (Text::Ascii, ", with `\\u` escapes for all that is not ASCII"),
    (Text::AsciiSlash, ", with `\\u` escapes and `\\/`"),
    (Text::Slash, ", with `\\/` for its slashes"),
    (Text::Html, ", with `\\u003c` and the like for HTML's characters"),
    (Text::AsciiUpper, ", with `\\u` escapes in upper case"),
];
