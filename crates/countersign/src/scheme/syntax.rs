//! `Syntax`: the layout of the text that carries the signature, such as `sha256={hex}` or `t={timestamp},v1={hex}`.

use std::{fmt, ops::Range};

use memchr::memchr;

use super::template::{Piece, TemplateError, pieces};
use crate::encoding::Encoding;

/// The layout of the text that carries the tags.
#[derive(Clone, Debug)]
pub(crate) enum Syntax {
    /// One value of one shape.
    Value(Shape),
    /// Items between separators, in any order. An item of no listed shape is skipped, because new versions have other
    /// shapes.
    List {
        separators: Box<[u8]>,
        trim: bool,
        /// A character that each item may end with or not.
        item_end: Option<u8>,
        items: Vec<Shape>,
    },
    /// Items that are known by their position; `rest` has the shape of all further ones.
    Fields { separator: u8, items: Vec<Shape>, rest: Option<Shape> },
}

/// Literals and holes that a text must match from end to end.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pieces: Vec<ShapePiece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ShapePiece {
    Literal(Box<[u8]>),
    Hole(Hole),
}

/// The kind of value in a hole of a [`Shape`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hole {
    /// A tag.
    Tag(Encoding),
    /// A shared token, unchanged.
    Token,
    /// A JSON Web Token or a detached signature of that kind.
    Jwt,
    /// The signed timestamp.
    Timestamp,
    /// The delivery's id.
    Id,
    /// The name of the key that made the following tag.
    KeyName,
    /// Text that is ignored.
    #[default]
    Any,
}

impl Hole {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Self::Token,
            "jwt" => Self::Jwt,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "key-name" => Self::KeyName,
            "any" => Self::Any,
            _ => Self::Tag(Encoding::from_name(name)?),
        })
    }

    /// Whether it carries the proof of the request: a tag or a token.
    pub(crate) fn carries_proof(self) -> bool {
        matches!(self, Self::Tag(_) | Self::Token | Self::Jwt)
    }
}

/// A range of a text: its first byte, and the one after its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The same range in a text with `offset` more bytes in front.
    pub(crate) fn behind(self, offset: usize) -> Self {
        Self { start: self.start + offset, end: self.end + offset }
    }
}

/// Why a text does not match the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// No item begins like one of the layout.
    NoKnownItem,
    /// A literal of the layout is missing.
    Literal,
}

impl Shape {
    /// Reads a template. An error has the position of the wrong byte.
    pub(super) fn parse(template: &str) -> Result<Self, TemplateError> {
        let mut shape = Vec::new();
        for piece in pieces(template)? {
            match piece {
                Piece::Literal(text) => push_literal(&mut shape, text),
                Piece::Placeholder { name, argument: None, offset } => {
                    let hole = Hole::from_name(name).ok_or_else(|| unknown(offset, name))?;
                    if matches!(shape.last(), Some(ShapePiece::Hole(_))) {
                        return Err(TemplateError::new(offset, "expected text between two placeholders"));
                    }
                    shape.push(ShapePiece::Hole(hole));
                }
                Piece::Placeholder { name, offset, .. } => return Err(unknown(offset, name)),
            }
        }
        Ok(Self { pieces: shape })
    }

    pub(super) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            ShapePiece::Hole(hole) => Some(*hole),
            ShapePiece::Literal(_) => None,
        })
    }

    /// Whether it is only a hole that `fits`, optionally after a literal.
    fn is_only(&self, fits: impl Fn(Hole) -> bool) -> bool {
        match self.pieces.as_slice() {
            [ShapePiece::Hole(hole)] | [ShapePiece::Literal(_), ShapePiece::Hole(hole)] => fits(*hole),
            _ => false,
        }
    }

    /// The text before the first hole.
    pub(super) fn prefix(&self) -> &[u8] {
        match self.pieces.first() {
            Some(ShapePiece::Literal(text)) => text,
            _ => b"",
        }
    }

    /// Matches `text[span]` from end to end, and calls `visit` with the range of each hole.
    fn scan<E: From<Mismatch>>(
        &self,
        text: &[u8],
        span: Span,
        visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
    ) -> Result<(), E> {
        let Span { mut start, end } = span;
        let mut pieces = self.pieces.iter();
        while let Some(piece) = pieces.next() {
            let rest = &text[start..end];
            match piece {
                ShapePiece::Literal(literal) => {
                    rest.strip_prefix(&**literal).ok_or(Mismatch::Literal)?;
                    start += literal.len();
                }
                ShapePiece::Hole(hole) => {
                    let hole_end = match pieces.as_slice().first() {
                        Some(ShapePiece::Literal(literal)) => start + find(rest, literal).ok_or(Mismatch::Literal)?,
                        _ => end,
                    };
                    visit(*hole, Span { start, end: hole_end })?;
                    start = hole_end;
                }
            }
        }
        if start == end { Ok(()) } else { Err(Mismatch::Literal.into()) }
    }

    /// Writes the text with `fill(hole)` in each hole.
    pub(crate) fn print(&self, mut fill: impl FnMut(Hole) -> String) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                ShapePiece::Literal(literal) => text.push_str(&String::from_utf8_lossy(literal)),
                ShapePiece::Hole(hole) => text.push_str(&fill(*hole)),
            }
        }
        text
    }
}

/// The layout of a text with only a tag, or tags, and at most a timestamp.
pub(crate) struct LoneTag<'a> {
    /// The text before the tag.
    pub(crate) prefix: &'a [u8],
    pub(crate) encoding: Encoding,
    /// The characters that may separate it from others.
    pub(crate) separators: &'a [u8],
    /// The text before the timestamp and the byte after it, if the timestamp is in the same text.
    pub(crate) time: Option<(&'a [u8], u8)>,
}

impl Syntax {
    /// Matches `text`, and calls `visit` with the range of each hole of each known item, in order.
    pub(crate) fn scan<E: From<Mismatch>>(
        &self,
        text: &[u8],
        visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
    ) -> Result<(), E> {
        let (separators, trim, item_end, items) = match self {
            Self::Value(shape) => return shape.scan(text, Span { start: 0, end: text.len() }, visit),
            Self::List { separators, trim, item_end, items } => (separators, *trim, *item_end, items),
            Self::Fields { separator, items, rest } => {
                return scan_fields(*separator, items, rest.as_ref(), text, visit);
            }
        };
        let (mut known, mut start) = (false, 0);
        while start < text.len() {
            let end = first_of(separators, &text[start..]).map_or(text.len(), |length| start + length);
            let mut item = if trim { trimmed(text, start, end) } else { Span { start, end } };
            if item_end.is_some_and(|byte| text[item.range()].last() == Some(&byte)) {
                item.end -= 1;
            }
            let shape = items.iter().find(|shape| text[item.range()].starts_with(shape.prefix()));
            if let Some(shape) = shape.filter(|_| item.start < item.end) {
                known = true;
                shape.scan(text, item, visit)?;
            }
            start = end + 1;
        }
        if known { Ok(()) } else { Err(Mismatch::NoKnownItem.into()) }
    }

    /// The layout, if it only has a tag, or tags, and at most a timestamp before the only one.
    pub(crate) fn lone_tag(&self) -> Option<LoneTag<'_>> {
        let (time, shape, separators) = match self {
            Self::Value(shape) => (None, shape, &[][..]),
            Self::Fields { .. } | Self::List { item_end: Some(_), .. } => return None,
            Self::List { separators, items, .. } => match (items.as_slice(), &separators[..]) {
                ([shape], separators) => (None, shape, separators),
                ([time, shape], separators @ [separator]) if time.is_only(|hole| hole == Hole::Timestamp) => {
                    let (before_time, before_tag) = (time.prefix(), shape.prefix());
                    if before_time.starts_with(before_tag) || before_tag.starts_with(before_time) {
                        return None;
                    }
                    (Some((before_time, *separator)), shape, separators)
                }
                _ => return None,
            },
        };
        match shape.holes().next() {
            Some(Hole::Tag(encoding)) if shape.is_only(|hole| hole == Hole::Tag(encoding)) => {
                Some(LoneTag { prefix: shape.prefix(), encoding, separators, time })
            }
            _ => None,
        }
    }

    /// The text that has `fill(hole)` in each hole.
    pub(crate) fn print(&self, mut fill: impl FnMut(Hole) -> String) -> String {
        match self {
            Self::Value(shape) => shape.print(fill),
            Self::List { separators, trim, items, .. } => {
                let separator = separators.first().copied().unwrap_or(b',');
                let between = if *trim && separator != b' ' { " " } else { "" };
                let printed: Vec<String> = items.iter().map(|item| item.print(&mut fill)).collect();
                printed.join(&format!("{}{between}", char::from(separator)))
            }
            Self::Fields { separator, items, .. } => {
                let printed: Vec<String> = items.iter().map(|item| item.print(&mut fill)).collect();
                printed.join(&char::from(*separator).to_string())
            }
        }
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = Hole> {
        let (shapes, rest) = match self {
            Self::Value(shape) => (std::slice::from_ref(shape), None),
            Self::List { items, .. } => (items.as_slice(), None),
            Self::Fields { items, rest, .. } => (items.as_slice(), rest.as_ref()),
        };
        shapes.iter().chain(rest).flat_map(Shape::holes)
    }
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag(encoding) => encoding.name(),
            Self::Token => "token",
            Self::Jwt => "jwt",
            Self::Timestamp => "timestamp",
            Self::Id => "id",
            Self::KeyName => "key-name",
            Self::Any => "any",
        })
    }
}

/// Removes the optional white space of RFC 9110 section 5.6.3 from both ends.
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Matches all fields of `text`, in order.
fn scan_fields<E: From<Mismatch>>(
    separator: u8,
    items: &[Shape],
    rest: Option<&Shape>,
    text: &[u8],
    visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
) -> Result<(), E> {
    let mut start = 0;
    let mut shapes = items.iter().chain(std::iter::repeat_with(|| rest).map_while(|rest| rest));
    let mut missing = items.len();
    loop {
        let end = memchr(separator, &text[start..]).map_or(text.len(), |length| start + length);
        let shape = shapes.next().ok_or(Mismatch::Literal)?;
        shape.scan(text, Span { start, end }, visit)?;
        missing = missing.saturating_sub(1);
        if end == text.len() {
            return if missing == 0 { Ok(()) } else { Err(Mismatch::Literal.into()) };
        }
        start = end + 1;
    }
}

/// The position of the first separator. Usually there is only one separator.
pub(crate) fn first_of(separators: &[u8], text: &[u8]) -> Option<usize> {
    match separators {
        [one] => memchr(*one, text),
        [one, two] => memchr::memchr2(*one, *two, text),
        _ => text.iter().position(|byte| separators.contains(byte)),
    }
}

fn trimmed(text: &[u8], start: usize, end: usize) -> Span {
    let item = &text[start..end];
    let leading = item.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Span { start: start + leading, end: start + leading + trim_ows(item).len() }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [byte] => memchr(*byte, text),
        _ => text.windows(wanted.len()).position(|window| window == wanted),
    }
}

fn push_literal(shape: &mut Vec<ShapePiece>, text: &str) {
    if let Some(ShapePiece::Literal(before)) = shape.last_mut() {
        *before = [before, text.as_bytes()].concat().into();
    } else {
        shape.push(ShapePiece::Literal(text.as_bytes().into()));
    }
}

fn unknown(offset: usize, name: &str) -> TemplateError {
    let encodings: Vec<&str> = Encoding::ALL.iter().map(|encoding| encoding.name()).collect();
    let message = format!(
        "unknown placeholder `{{{name}}}`; expected an encoding ({}), `token`, `jwt`, `timestamp`, `id`, `key-name` or `any`",
        encodings.join(", ")
    );
    TemplateError::new(offset, message)
}
