//! JSON that was parsed and serialised again.

use super::{BodyMistake, variants::BodyVariants};
use crate::explain::json_style::{Layout, Node, Numbers, Style, Text, parse};

/// The document in every style, the plainest first, with and without a line feed at its end.
pub(super) fn add(body: &[u8], variants: &mut BodyVariants) {
    let Some(document) = std::str::from_utf8(body).ok().and_then(parse) else { return };
    for sorted in [false, true] {
        for (text, escapes) in TEXTS {
            for (layout, spaces) in LAYOUTS {
                let signed = format!("{spaces}{escapes}{}", if sorted { ", with its keys sorted" } else { "" });
                written(&document, Style { layout, text, numbers: Numbers::Kept, sorted }, signed, variants);
            }
        }
    }
    for (numbers, in_numbers) in NUMBERS {
        for (layout, spaces) in LAYOUTS {
            let style = Style { layout, text: Text::Kept, numbers, sorted: false };
            written(&document, style, format!("{spaces}, {in_numbers}"), variants);
        }
    }
}

fn written(document: &Node<'_>, style: Style, signed: String, variants: &mut BodyVariants) {
    let Some(body) = style.write(document) else { return variants.leave_out() };
    let line = format!("{body}\n");
    let signed_line = format!("{signed}, with a line feed at its end");
    variants.add(body, BodyMistake::Reserialised { signed });
    variants.add(line, BodyMistake::Reserialised { signed: signed_line });
}

const LAYOUTS: [(Layout, &str); 5] = [
    (Layout::Compact, "compact"),
    (Layout::Spaced, "written with a space after `,` and `:`"),
    (Layout::Indented("  "), "indented by two spaces"),
    (Layout::Indented("    "), "indented by four spaces"),
    (Layout::Indented("\t"), "indented by tabs"),
];

const NUMBERS: [(Numbers, &str); 3] = [
    (Numbers::Shortest, "without needless zeros in its numbers"),
    (Numbers::Fractional, "with `.0` after its whole numbers"),
    (Numbers::Cents, "with two digits after the decimal point"),
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
