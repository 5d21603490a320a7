//! Whether the signed parts can be told apart, and what must hold at run time so that they can.
//!
//! A signature covers one string of bytes. If two requests with different parts make the same string, a signature for
//! one is a signature for the other: `1` + `23` and `12` + `3`. So for every pair of neighbours this module finds the
//! rule that fixes the border, from the left up to the body and from the right behind it, or says that there is none.

use super::{Part, Source};
use crate::timestamp::TimestampFormat;

/// What must hold of a request so that its signed parts have just one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The timestamp has exactly this many bytes, because nothing marks one of its ends.
    TimestampLen(usize),
    /// The delivery's id does not contain the separator in front of anything that could be the timestamp.
    IdSegments { separator: Box<[u8]> },
    /// The delivery's id does not contain the separator that ends it.
    IdWithout { separator: Box<[u8]> },
    /// A signed value does not contain the separator that ends it.
    ValueWithout { source: Source, separator: Box<[u8]> },
    /// The body begins with a byte that no URL contains, because nothing else ends the URL.
    BodyEndsUrl,
}

/// The guards for `parts`, or the two neighbours that cannot be told apart.
pub(super) fn guards(parts: &[Part], format: Option<TimestampFormat>) -> Result<Vec<Guard>, String> {
    let body = parts.iter().position(|part| matches!(part, Part::Body)).unwrap_or(parts.len());
    let mut guards = Vec::new();
    for at in 0..body {
        let (part, behind) = (&parts[at], parts.get(at + 1..).unwrap_or_default());
        if !matches!(part, Part::Literal(_)) && !behind.is_empty() {
            let guard = left_to_right(part, behind, format).ok_or_else(|| neighbours(part, &behind[0]))?;
            guards.extend(guard);
        }
    }
    for part in parts.get(body + 1..).unwrap_or_default() {
        guards.extend(right_to_left(part, format).ok_or_else(|| neighbours(&Part::Body, part))?);
    }
    let lone = |part: &Part| matches!(part, Part::FormSorted);
    if parts.iter().any(lone) {
        return Err("`{form-sorted}` runs names and values into each other".to_owned());
    }
    guards.dedup();
    Ok(guards)
}

/// What fixes the end of a part in front of `behind`; `None` if nothing does.
fn left_to_right(part: &Part, behind: &[Part], format: Option<TimestampFormat>) -> Option<Option<Guard>> {
    let next = behind.first()?;
    let separator = match next {
        Part::Literal(text) => Some(text),
        _ => None,
    };
    let first = separator.and_then(|text| text.first().copied());
    match part {
        Part::Literal(_) | Part::Secret | Part::BodyHash(..) | Part::Host => Some(None),
        Part::Method => {
            let begins_lower = matches!(next, Part::Url | Part::Path | Part::PathAndQuery);
            (begins_lower || first.is_some_and(|byte| !byte.is_ascii_uppercase())).then_some(None)
        }
        Part::Timestamp => match first {
            Some(byte) if !format?.can_grow_by(byte) => Some(None),
            _ if !(0..=u8::MAX).any(|byte| format.is_some_and(|format| format.can_grow_by(byte))) => Some(None),
            _ => format?.fixed_len().map(|len| Some(Guard::TimestampLen(len))),
        },
        Part::Url | Part::Path | Part::Query | Part::PathAndQuery => match (first, next) {
            (Some(byte), _) if !is_url_byte(byte) => Some(None),
            (_, Part::Body) => Some(Some(Guard::BodyEndsUrl)),
            _ => None,
        },
        Part::Id => {
            let separator = separator?.clone();
            let before_time = matches!(behind.get(1), Some(Part::Timestamp));
            Some(Some(if before_time && digits_only(format) {
                Guard::IdSegments { separator }
            } else {
                Guard::IdWithout { separator }
            }))
        }
        Part::Value(source) => {
            Some(Some(Guard::ValueWithout { source: source.clone(), separator: separator?.clone() }))
        }
        Part::FormSorted | Part::Body => None,
    }
}

/// What fixes the beginning of a part behind the body; `None` if nothing does.
fn right_to_left(part: &Part, format: Option<TimestampFormat>) -> Option<Option<Guard>> {
    match part {
        Part::Literal(_) | Part::Secret | Part::BodyHash(..) => Some(None),
        Part::Timestamp => format?.fixed_len().map(|len| Some(Guard::TimestampLen(len))),
        _ => None,
    }
}

fn digits_only(format: Option<TimestampFormat>) -> bool {
    matches!(format, Some(TimestampFormat::Seconds | TimestampFormat::Milliseconds))
}

fn neighbours(part: &Part, next: &Part) -> String {
    format!("nothing marks where {} ends and {} begins", describe(part), describe(next))
}

fn describe(part: &Part) -> String {
    match part {
        Part::Literal(text) => format!("`{}`", String::from_utf8_lossy(text)),
        Part::Secret => "the secret".to_owned(),
        Part::Timestamp => "the timestamp".to_owned(),
        Part::Id => "the id".to_owned(),
        Part::Method => "the method".to_owned(),
        Part::Url => "the URL".to_owned(),
        Part::Path => "the path".to_owned(),
        Part::Query => "the query".to_owned(),
        Part::PathAndQuery => "the path and query".to_owned(),
        Part::Host => "the host".to_owned(),
        Part::Value(source) => source.to_string(),
        Part::FormSorted => "the sorted form".to_owned(),
        Part::Body => "the body".to_owned(),
        Part::BodyHash(..) => "the hash of the body".to_owned(),
    }
}

/// The bytes that RFC 3986 allows behind a URL's authority, and those beyond ASCII that clients send unescaped.
pub(crate) fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%#".contains(&byte)
}
