//! Changes to tags: truncated, extended, in another encoding, or wrong.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastrand::Rng;

use crate::Change;

pub(crate) fn text(rng: &mut Rng, tag: &[u8], is_base64: bool) -> Change<Vec<u8>> {
    let text = String::from_utf8_lossy(tag).into_owned();
    if rng.bool() { written_otherwise(rng, &text, is_base64) } else { damaged(rng, tag) }
}

/// The same bytes in another encoding.
fn written_otherwise(rng: &mut Rng, text: &str, is_base64: bool) -> Change<Vec<u8>> {
    let bytes = decode(text, is_base64).unwrap_or_default();
    // An earlier change may have put a character of several bytes into the text.
    let (front, back) = text.split_at_checked(text.len() / 2).unwrap_or((text, ""));
    let forms = [
        ("upper case", text.to_uppercase()),
        ("lower case", text.to_lowercase()),
        ("one letter in upper case", one_letter(text, char::to_ascii_uppercase)),
        ("one letter in lower case", one_letter(text, char::to_ascii_lowercase)),
        ("without padding", text.trim_end_matches('=').to_owned()),
        ("more padding", format!("{text}=")),
        ("two more of padding", format!("{text}==")),
        ("padding escaped", text.replace('=', "%3D")),
        ("alphabet of URLs", text.replace('+', "-").replace('/', "_")),
        ("alphabet of URLs, without padding", text.replace('+', "-").replace('/', "_").replace('=', "")),
        ("stray bits", stray_bits(text)),
        ("line break escaped", format!("{text}\\n")),
        ("space behind", format!("{text} ")),
        ("space in front", format!(" {text}")),
        ("tab behind", format!("{text}\t")),
        ("space in the middle", format!("{front} {back}")),
        ("quotation marks", format!("\"{text}\"")),
        ("0x in front", format!("0x{text}")),
        (
            "colons between",
            text.as_bytes().chunks(2).map(|two| two.escape_ascii().to_string()).collect::<Vec<_>>().join(":"),
        ),
        ("base64 of it", STANDARD.encode(text)),
        ("in base64", STANDARD.encode(&bytes)),
        ("in hex", faster_hex::hex_string(&bytes)),
        ("in upper-case hex", faster_hex::hex_string_upper(&bytes)),
    ];
    let (name, text) = &forms[rng.usize(..forms.len())];
    (name, text.clone().into_bytes())
}

/// Other bytes.
fn damaged(rng: &mut Rng, tag: &[u8]) -> Change<Vec<u8>> {
    let at = rng.usize(..=tag.len());
    let mut changed = tag.to_vec();
    match rng.u32(..16) {
        0 => ("empty", Vec::new()),
        1 => ("one character less", tag[..tag.len().saturating_sub(1)].to_vec()),
        2 => ("two characters less", tag[..tag.len().saturating_sub(2)].to_vec()),
        3 => ("a beginning", tag[..at].to_vec()),
        4 => ("an end", tag[at..].to_vec()),
        5 => ("a zero more", [tag, b"0"].concat()),
        6 => ("two zeros more", [tag, b"00"].concat()),
        7 => ("a word more", [tag, b"AAAA"].concat()),
        8 => ("text behind", [tag, b"zz"].concat()),
        9 => ("twice", [tag, tag].concat()),
        10 => ("zeros", vec![b'0'; tag.len()]),
        11 => ("backwards", tag.iter().rev().copied().collect()),
        12 => ("very long", tag.repeat(200)),
        _ => {
            let Some(byte) = changed.get_mut(at) else { return ("not a character", [tag, b"\xFF"].concat()) };
            match rng.u32(..4) {
                0 => *byte = rng.u8(0x20..0x7F),
                1 => *byte ^= 1 << rng.u32(..7),
                2 => *byte = b"0123456789abcdefABCDEF+/-_="[rng.usize(..27)],
                _ => drop(changed.remove(at)),
            }
            ("one character", changed)
        }
    }
}

fn decode(text: &str, is_base64: bool) -> Option<Vec<u8>> {
    if is_base64 {
        return STANDARD.decode(text).ok();
    }
    let mut bytes = vec![0; text.len() / 2];
    faster_hex::hex_decode(text.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

fn one_letter(text: &str, change: impl Fn(&char) -> char) -> String {
    let mut is_done = false;
    let one = |c: char| {
        let changed = if is_done { c } else { change(&c) };
        is_done |= changed != c;
        changed
    };
    text.chars().map(one).collect()
}

/// The last character of a base64 text with one of its unused bits set.
fn stray_bits(text: &str) -> String {
    let end = text.trim_end_matches('=').len();
    let mut changed = text.as_bytes().to_vec();
    if let Some(last) = changed[..end].last_mut() {
        *last += u8::from(last.is_ascii_alphanumeric() && !b"Zz9".contains(last));
    }
    String::from_utf8_lossy(&changed).into_owned()
}
