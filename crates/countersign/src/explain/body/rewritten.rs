//! JSON that was parsed and written anew.

use super::{BodyMistake, BodyVariant};
use crate::explain::json_style::{Layout, Numbers, Style, Text, parse};

/// The document in every style, the plainest first, with and without a line feed at its end.
pub(super) fn variants(body: &[u8]) -> Vec<BodyVariant> {
    let Some(document) = std::str::from_utf8(body).ok().and_then(parse) else { return Vec::new() };
    let mut variants = Vec::new();
    for sorted in [false, true] {
        for (text, escapes) in TEXTS {
            for (layout, spaces) in LAYOUTS {
                let signed = format!("{spaces}{escapes}{}", if sorted { ", with its keys sorted" } else { "" });
                let body = Style { layout, text, numbers: Numbers::Kept, sorted }.write(&document);
                add(&mut variants, body, &signed);
            }
        }
    }
    for (numbers, written) in NUMBERS {
        for (layout, spaces) in LAYOUTS {
            let body = Style { layout, text: Text::Kept, numbers, sorted: false }.write(&document);
            add(&mut variants, body, &format!("{spaces}, {written}"));
        }
    }
    variants
}

fn add(variants: &mut Vec<BodyVariant>, body: String, signed: &str) {
    let line = format!("{body}\n");
    variants.push(BodyVariant::new(body, BodyMistake::Reserialised { signed: signed.to_owned() }));
    let signed = format!("{signed}, with a line feed at its end");
    variants.push(BodyVariant::new(line, BodyMistake::Reserialised { signed }));
}

const LAYOUTS: [(Layout, &str); 5] = [
    (Layout::Compact, "compact"),
    (Layout::Spaced, "written with a space behind `,` and `:`"),
    (Layout::Indented("  "), "indented by two spaces"),
    (Layout::Indented("    "), "indented by four spaces"),
    (Layout::Indented("\t"), "indented by tabs"),
];

const NUMBERS: [(Numbers, &str); 3] = [
    (Numbers::Shortest, "without needless zeros in its numbers"),
    (Numbers::Fractional, "with `.0` behind its whole numbers"),
    (Numbers::Cents, "with two digits behind the point of its fractions"),
];

const TEXTS: [(Text, &str); 8] = [
    (Text::Kept, ""),
    (Text::Plain, ", without needless escapes"),
    (Text::Ascii, ", with `\\u` escapes for all that is not ASCII"),
    (Text::AsciiSlash, ", with `\\u` escapes and `\\/`"),
    (Text::Slash, ", with `\\/` for its slashes"),
    (Text::Html, ", with `\\u003c` and the like for HTML's characters"),
    (Text::AsciiUpper, ", with `\\u` escapes in upper case"),
    (Text::Web, ", with `\\u` escapes in upper case for HTML's characters too"),
];
