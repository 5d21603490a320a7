//! Where the tag is in a header's value, and tags that differ in a few bits.

use std::ops::Range;

/// The place of the tag, without the padding of base64: the last of the longest runs of characters that encode bytes.
/// Beside a tag there are only short runs: labels, and times of up to 13 digits.
pub(super) fn place(value: &[u8]) -> Range<usize> {
    let encodes = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut start = 0;
    let mut runs = Vec::new();
    for run in value.split(|byte| !encodes(byte)) {
        runs.push(start..start + run.len());
        start += run.len() + 1;
    }
    runs.into_iter().max_by_key(|run| run.len().min(SHORTEST_TAG)).unwrap_or_default()
}

/// The end of the padding that starts here.
pub(super) fn end_of_padding(value: &[u8], start: usize) -> usize {
    start + value[start..].iter().take_while(|byte| **byte == b'=').count()
}

/// The value with another tag of the same length, of which this character decodes to other bits.
pub(super) fn changed(value: &[u8], tag: Range<usize>, at: usize) -> Vec<u8> {
    let other = if is_hex(&value[tag]) { other_digit(value[at]) } else { other_character(value[at]) };
    let mut value = value.to_vec();
    value[at] = other;
    value
}

fn is_hex(tag: &[u8]) -> bool {
    tag.iter().all(u8::is_ascii_digit)
        || tag.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        || tag.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// A digit whose case does not matter.
fn other_digit(digit: u8) -> u8 {
    if digit == b'1' { b'2' } else { b'1' }
}

/// Flips one of the two highest of the character's six bits. If it is the last one, the others may be filled up with
/// zeros, which a lenient decoder drops.
fn other_character(character: u8) -> u8 {
    let standard = match character {
        b'-' => b'+',
        b'_' => b'/',
        _ => character,
    };
    let Some(bits) = BASE64.iter().position(|letter| *letter == standard) else { return other_digit(character) };
    // Only the letters and digits are the same in both alphabets.
    let other = if bits ^ 32 < 62 { bits ^ 32 } else { bits ^ 16 };
    BASE64[other]
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// In characters. No tag is shorter: MD5 has 16 bytes.
const SHORTEST_TAG: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_found_among_what_is_around_it() {
        let hex = "0123456789abcdef0123456789abcdef";
        let base64 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLM+/";
        for (before, tag, behind) in [
            ("", hex, ""),
            ("sha256=", hex, ""),
            ("t=1767225600,v1=", hex, ""),
            ("t=1767225600000;s=", hex, ";v=2"),
            ("v1,", base64, "="),
            ("sig1=:", base64, "==:"),
            ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6MSwibmFtZSI6ImEifQ.", base64, ""),
            ("Basic ", base64, "="),
        ] {
            let value = format!("{before}{tag}{behind}");
            assert_eq!(place(value.as_bytes()), before.len()..before.len() + tag.len(), "{value}");
        }
        assert_eq!((place(b""), place(b"=,=")), (0..0, 3..3));
    }

    #[test]
    fn a_changed_tag_decodes_to_other_bits() {
        for (at, character) in BASE64.iter().enumerate() {
            let value = [b"zz", &[*character][..]].concat();
            let other = changed(&value, 0..3, 2)[2];
            let bits = BASE64.iter().position(|letter| *letter == other).unwrap();
            // The last four bits may be dropped.
            assert!(bits != at && bits & 15 == at & 15 && bits < 62, "{character} {other}");
        }
        for value in [b"0123456789", b"abcdef0123", b"ABCDEF0123"] {
            for at in 0..value.len() {
                let other = changed(value, 0..value.len(), at);
                assert!(other[at].is_ascii_digit() && other[at] != value[at], "{other:?}");
            }
        }
    }
}
