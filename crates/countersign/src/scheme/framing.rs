//! `Framing`: whether the signed parts can be told apart, and the rules that each request must obey for that.
//!
//! A signature covers one string of bytes. If two requests with different parts make the same string, a signature for
//! one is a signature for the other: `1` + `23` and `12` + `3`. So this module finds the rule that fixes the border
//! between each two neighbours, or reports that there is none. Before the body it works from left to right, after it
//! from right to left.

use super::{
    Part, Source,
    parts::{Hashed, push},
};
use crate::timestamp::TimestampFormat;

/// A rule for requests, so that their signed parts have only one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The timestamp has exactly this many bytes, because nothing else marks one of its ends.
    TimestampLen(usize),
    /// The delivery's id does not contain the separator followed by text that could be the timestamp.
    IdSegments { separator: u8 },
    /// The delivery's id does not contain the separator that ends it.
    IdWithout { separator: Box<[u8]> },
    /// The delivery's id contains no date, because the timestamp after it begins with one.
    IdWithoutDate,
    /// A signed value does not contain the separator that ends it.
    ValueWithout { source: Source, is_lowered: bool, separator: Box<[u8]> },
    /// The URL has only the bytes that RFC 3986 allows, because it ends at a separator that servers accept in URLs.
    PlainUrl,
    /// The body begins with a byte that no URL contains, because nothing else ends the URL.
    BodyEndsUrl,
}

/// What fixes the border between two parts.
enum Border {
    /// They can always be told apart.
    Fixed,
    /// They can be told apart if this holds.
    Guarded(Guard),
    /// Nothing fixes it.
    Open,
}

/// How the signed parts are told apart.
pub(super) struct Framing {
    /// The rules for requests.
    pub(super) guards: Vec<Guard>,
    /// The first border that nothing fixes, as a message.
    pub(super) open: Option<String>,
}

impl Framing {
    /// Finds the borders of `parts`. An open border does not remove the guards of the others.
    pub(super) fn of(parts: &[Part], format: Option<TimestampFormat>, form_is_framed: bool) -> Self {
        let mut framing = Self { guards: Vec::new(), open: None };
        for present in readings(parts) {
            framing.add_reading(&present, format, form_is_framed);
        }
        framing.add_optional(parts);
        let sorted = |part: &Part| matches!(part, Part::FormSorted | Part::QuerySorted) && !form_is_framed;
        if parts.iter().any(sorted) {
            framing.open("names and values of sorted parameters run into each other");
        }
        if parts.iter().any(|part| matches!(part, Part::Sorted(_))) {
            framing.open("nothing marks where one of the sorted values ends and the next begins");
        }
        if parts.iter().any(|part| matches!(part, Part::Canonical(function) if function.is_ambiguous())) {
            framing.open("the canonical form does not mark where its values end");
        }
        framing
    }

    /// Adds the borders of parts that are all present.
    fn add_reading(&mut self, parts: &[Part], format: Option<TimestampFormat>, form_is_framed: bool) {
        let body = parts.iter().position(|part| matches!(part, Part::Body | Part::BodyIn(_))).unwrap_or(parts.len());
        for at in 0..body {
            let (part, behind) = (&parts[at], parts.get(at + 1..).unwrap_or_default());
            if form_is_framed && ends_encoded(part, behind) {
                continue;
            }
            if let (false, [next, ..]) = (matches!(part, Part::Literal(_)), behind) {
                self.add(left_to_right(part, behind, format), part, next);
            }
        }
        for part in parts.get(body + 1..).unwrap_or_default() {
            self.add(right_to_left(part, format), &Part::Body, part);
        }
    }

    /// Checks that the first text of each optional group shows whether the group is present.
    fn add_optional(&mut self, parts: &[Part]) {
        for (at, part) in parts.iter().enumerate() {
            let Part::When(_, inner) = part else { continue };
            // What can follow in its place: the first part of each following group, up to the first part that is always
            // there.
            let behind = &parts[at + 1..];
            let optional = behind.iter().position(|part| !matches!(part, Part::When(..))).unwrap_or(behind.len());
            let mut others = behind[..behind.len().min(optional + 1)].iter().filter_map(|part| match part {
                Part::When(_, inner) => inner.first(),
                part => Some(part),
            });
            let is_behind_body = parts[..at].contains(&Part::Body);
            let told_apart = match inner.first() {
                // After the body, the body itself may end with the same text.
                Some(Part::Literal(own)) if !is_behind_body => others.all(|other| match other {
                    Part::Literal(text) => !own.starts_with(text) && !text.starts_with(own),
                    _ => false,
                }),
                _ => false,
            };
            if !told_apart {
                self.open("nothing shows whether an optional part is there");
            }
        }
    }

    fn open(&mut self, problem: &str) {
        self.open.get_or_insert_with(|| problem.to_owned());
    }

    fn add(&mut self, border: Border, part: &Part, next: &Part) {
        match border {
            Border::Fixed => {}
            Border::Guarded(guard) if self.guards.contains(&guard) => {}
            Border::Guarded(guard) => self.guards.push(guard),
            Border::Open => {
                self.open.get_or_insert_with(|| open_border(part, next));
            }
        }
    }
}

/// The parts for every combination of present and missing optional groups.
fn readings(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut readings = vec![Vec::new()];
    for part in parts {
        match part {
            Part::When(_, inner) => {
                let with: Vec<_> = readings.iter().map(|reading| [reading.as_slice(), inner].concat()).collect();
                readings.extend(with);
            }
            part => readings.iter_mut().for_each(|reading| reading.push(part.clone())),
        }
    }
    readings.into_iter().map(joined).collect()
}

/// The parts, with adjacent literals merged, so that a separator is seen whole.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined = Vec::with_capacity(parts.len());
    for part in parts {
        push(&mut joined, part);
    }
    joined
}

/// What fixes the end of a part, given the parts after it.
fn left_to_right(part: &Part, behind: &[Part], format: Option<TimestampFormat>) -> Border {
    let Some(next) = behind.first() else {
        return Border::Fixed;
    };
    let separator = match next {
        Part::Literal(text) => Some(text),
        _ => None,
    };
    let first = separator.and_then(|text| text.first().copied());
    match (part, separator) {
        // A JSON string ends with its quotation mark.
        (
            Part::Literal(_) | Part::Secret | Part::Setting(_) | Part::Hash(..) | Part::Host | Part::BodyAsJsonString,
            _,
        ) => Border::Fixed,
        (Part::Canonical(function), _) if function.marks_its_end() => Border::Fixed,
        (Part::BodyCrc32, _) if !first.is_none_or(|byte| byte.is_ascii_digit()) => Border::Fixed,
        (Part::Method, _) if matches!(next, Part::Url | Part::Path | Part::PathAndQuery) => Border::Fixed,
        (Part::Method, Some(_)) if !first.is_some_and(|byte| byte.is_ascii_uppercase()) => Border::Fixed,
        (Part::Timestamp, _) => end_of_timestamp(format, first),
        (Part::Url | Part::Path | Part::Query | Part::PathAndQuery, _) => match (first, next) {
            (Some(byte), _) if is_in_no_target(byte) => Border::Fixed,
            (Some(byte), _) if !is_url_byte(byte) => Border::Guarded(Guard::PlainUrl),
            (_, Part::Body) => Border::Guarded(Guard::BodyEndsUrl),
            _ => Border::Open,
        },
        (Part::Id, Some(separator)) => Border::Guarded(end_of_id(separator, &behind[1..], format)),
        // A date cannot begin inside a date: to move the border, the whole date must become part of the id.
        (Part::Id, None) if *next == Part::Timestamp && begins_with_date(format) => {
            Border::Guarded(Guard::IdWithoutDate)
        }
        (Part::Value(source) | Part::Lower(source), Some(separator)) => {
            let is_lowered = matches!(part, Part::Lower(_));
            Border::Guarded(Guard::ValueWithout { source: source.clone(), is_lowered, separator: separator.clone() })
        }
        _ => Border::Open,
    }
}

fn begins_with_date(format: Option<TimestampFormat>) -> bool {
    matches!(format, Some(TimestampFormat::Rfc3339 | TimestampFormat::Rfc3339OrUtc))
}

/// Whether percent-encoded parameters end at a byte that they never contain.
fn ends_encoded(part: &Part, behind: &[Part]) -> bool {
    let is_separator = |byte: u8| byte <= b' ' || b"<>|\"{}".contains(&byte);
    matches!(part, Part::FormSorted | Part::QuerySorted)
        && matches!(behind.first(), Some(Part::Literal(text)) if text.first().is_some_and(|byte| is_separator(*byte)))
}

fn end_of_timestamp(format: Option<TimestampFormat>, next: Option<u8>) -> Border {
    let Some(format) = format else {
        return Border::Open;
    };
    let can_grow = |byte| format.can_grow_by(byte);
    if next.is_some_and(|byte| !can_grow(byte)) || !(0..=u8::MAX).any(can_grow) {
        return Border::Fixed;
    }
    fixed_len(format)
}

fn end_of_id(separator: &[u8], behind: &[Part], format: Option<TimestampFormat>) -> Guard {
    let digits = matches!(format, Some(TimestampFormat::Seconds | TimestampFormat::Milliseconds));
    let is_segment = matches!(behind, [Part::Timestamp, Part::Literal(next), ..] if **next == *separator);
    match separator {
        [byte] if digits && is_segment && !byte.is_ascii_digit() => Guard::IdSegments { separator: *byte },
        _ => Guard::IdWithout { separator: separator.into() },
    }
}

/// What fixes the beginning of a part after the body.
fn right_to_left(part: &Part, format: Option<TimestampFormat>) -> Border {
    match (part, format) {
        // Four digits and a hyphen begin a time in RFC 3339, and cannot occur further inside.
        (Part::Literal(_) | Part::Secret | Part::Setting(_) | Part::Hash(..), _)
        | (Part::Timestamp, Some(TimestampFormat::Rfc3339 | TimestampFormat::Rfc3339OrUtc)) => Border::Fixed,
        (Part::Timestamp, Some(format)) => fixed_len(format),
        _ => Border::Open,
    }
}

fn fixed_len(format: TimestampFormat) -> Border {
    format.fixed_len().map_or(Border::Open, |len| Border::Guarded(Guard::TimestampLen(len)))
}

fn open_border(part: &Part, next: &Part) -> String {
    format!("nothing marks where {} ends and {} begins", describe(part), describe(next))
}

fn describe(part: &Part) -> String {
    match part {
        Part::Literal(text) => format!("`{}`", text.escape_ascii()),
        Part::Secret => "the secret".to_owned(),
        Part::Timestamp => "the timestamp".to_owned(),
        Part::Id => "the id".to_owned(),
        Part::Method => "the method".to_owned(),
        Part::Url => "the URL".to_owned(),
        Part::Path => "the path".to_owned(),
        Part::Query => "the query".to_owned(),
        Part::PathAndQuery => "the path and query".to_owned(),
        Part::Host => "the host".to_owned(),
        Part::Setting(name) => format!("the setting `{name}`"),
        Part::Value(source) | Part::Lower(source) => source.to_string(),
        Part::JsonRaw(pointer) => format!("JSON value `{pointer}`"),
        Part::FormSorted => "the sorted form".to_owned(),
        Part::QuerySorted => "the sorted query".to_owned(),
        Part::Sorted(_) => "the sorted values".to_owned(),
        Part::Body | Part::BodyIn(_) | Part::BodyAsJsonString => "the body".to_owned(),
        Part::BodyCrc32 => "the CRC-32 of the body".to_owned(),
        Part::Hash(_, _, Hashed::Body) => "the hash of the body".to_owned(),
        Part::Hash(_, _, Hashed::Url) => "the hash of the URL".to_owned(),
        Part::Canonical(function) => format!("`{{canonical:{}}}`", function.name()),
        Part::When(source, _) => format!("what depends on {source}"),
    }
}

/// The bytes that `http::Uri` accepts in no path or query. It accepts more than RFC 3986.
fn is_in_no_target(byte: u8) -> bool {
    byte <= b' ' || b"<>".contains(&byte)
}

/// The bytes that RFC 3986 allows after a URL's authority.
pub(crate) fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%#".contains(&byte)
}
