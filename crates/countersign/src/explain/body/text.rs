//! Changed text: line ends, white space, byte order marks, character sets, encodings.

use super::{BodyMistake, variants::BodyVariants};
use crate::encoding::Encoding;

pub(super) fn add(body: &[u8], variants: &mut BodyVariants) {
    white_space(body, variants);
    line_ends(body, variants);
    match body.strip_prefix(MARK) {
        Some(rest) => variants.add(rest, BodyMistake::ByteOrderMark { signed: false }),
        None => variants.add([MARK, body].concat(), BodyMistake::ByteOrderMark { signed: true }),
    }
    charsets(body, variants);
    wrappings(body, variants);
}

fn white_space(body: &[u8], variants: &mut BodyVariants) {
    let mut add = |parts: [&[u8]; 2], signed| variants.add(parts.concat(), BodyMistake::WhiteSpace { signed });
    add([body, b"\n"], "the signed body ends with a line feed");
    add([body, b"\r\n"], "the signed body ends with CR LF");
    add([body.trim_ascii_end(), b""], "the signed body has none at its end");
    add([body.trim_ascii(), b""], "the signed body has none at its ends");
    add([body.trim_ascii_end(), b"\n"], "the signed body ends with a line feed");
    add([body, b"\n\n"], "the signed body ends with two line feeds");
    add([body, b" "], "the signed body ends with a space");
}

fn line_ends(body: &[u8], variants: &mut BodyVariants) {
    let to_lf = replaced(body, b"\r\n", b"\n");
    let mut add = |body: Vec<u8>, signed| variants.add(body, BodyMistake::LineEnds { signed });
    add(replaced(&to_lf, b"\n", b"\r\n"), "CR LF");
    add(replaced(&to_lf, b"\n", b"\r"), "CR");
    add(replaced(&to_lf, b"\r", b"\n"), "LF");
    add(to_lf, "LF");
}

/// Latin-1 has one byte for each of the first 256 characters. Editors often mean Windows-1252 by that name.
fn charsets(body: &[u8], variants: &mut BodyVariants) {
    if body.is_ascii() {
        return;
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let change = "the signed body was read as Latin-1 and written as UTF-8";
        for byte in [latin1 as fn(char) -> Option<u8>, windows1252] {
            if let Some(bytes) = text.chars().map(byte).collect::<Option<Vec<u8>>>() {
                variants.add(bytes, BodyMistake::Charset { change });
            }
        }
    }
    let change = "the signed body is UTF-8, and was written in Latin-1";
    let text: String = body.iter().copied().map(char::from).collect();
    variants.add(text, BodyMistake::Charset { change });
}

fn latin1(c: char) -> Option<u8> {
    u8::try_from(u32::from(c)).ok()
}

fn windows1252(c: char) -> Option<u8> {
    let high = WINDOWS_1252.chars().position(|other| other == c && other != UNUSED);
    high.and_then(|at| u8::try_from(0x80 + at).ok()).or_else(|| latin1(c))
}

fn wrappings(body: &[u8], variants: &mut BodyVariants) {
    let mut add = |body: Vec<u8>, encoding| variants.add(body, BodyMistake::Encoded { encoding });
    let trimmed = body.trim_ascii();
    if let Ok(text) = serde_json::from_slice::<String>(trimmed) {
        add(text.into_bytes(), "in a JSON string");
    } else if let Some(text) = std::str::from_utf8(body).ok().filter(|text| !text.is_empty()) {
        add(serde_json::Value::from(text).to_string().into_bytes(), "taken out of a JSON string");
    }
    for encoding in [Encoding::Base64, Encoding::Base64Unpadded, Encoding::HexAny] {
        if let Some(bytes) = encoding.decode(trimmed).filter(|bytes| !bytes.is_empty()) {
            add(bytes, if encoding == Encoding::HexAny { "in hex" } else { "in base64" });
        }
    }
    for quote in [b"b'" as &[u8], b"b\""] {
        let inside = trimmed.strip_prefix(quote).and_then(|rest| rest.strip_suffix(&quote[1..]));
        if let Some(inside) = inside {
            let plain = replaced(&replaced(inside, b"\\\\", b"\\"), b"\\'", b"'");
            add(plain, "as Python prints bytes (`b'...'`)");
            add(inside.to_vec(), "as Python prints bytes (`b'...'`)");
        }
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The characters 0x80 to 0x9f, from the index of the WHATWG Encoding Standard. Unassigned ones are as in Latin-1.
const WINDOWS_1252: &str = "\u{20ac}\0\u{201a}\u{192}\u{201e}\u{2026}\u{2020}\u{2021}\u{2c6}\u{2030}\u{160}\u{2039}\u{152}\0\u{17d}\0\
                            \0\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{2dc}\u{2122}\u{161}\u{203a}\u{153}\0\u{17e}\u{178}";
const UNUSED: char = '\0';
