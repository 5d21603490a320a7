//! How the text that carries the signature is laid out: `sha256={hex}`, `t={timestamp},v1={hex}`, `v1,{base64}` …

use std::{fmt, ops::Range};

use super::template::{Piece, TemplateError, pieces};
use crate::encoding::Encoding;

/// The layout of the text that carries the tags.
#[derive(Clone, Debug)]
pub(crate) enum Syntax {
    /// One value of one shape.
    Value(Shape),
    /// Items between separators, in any order; an item of no listed shape is skipped, as new versions will be.
    List { separator: u8, trim: bool, items: Vec<Shape> },
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

/// What stands in a hole of a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    /// A tag.
    Tag(Encoding),
    /// A shared token, as it is.
    Token,
    /// The signed timestamp.
    Timestamp,
    /// The delivery's id.
    Id,
    /// Text that nobody needs.
    Any,
}

impl Hole {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Self::Token,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "any" => Self::Any,
            _ => Self::Tag(Encoding::from_name(name)?),
        })
    }
}

/// Why a text does not have the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// No part of it begins as the layout says.
    NoKnownItem,
    /// A literal of the layout is missing.
    Literal,
}

impl Shape {
    /// Reads a template; an error tells the byte of it that is wrong.
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

    /// The text before the first hole.
    pub(super) fn prefix(&self) -> &[u8] {
        match self.pieces.first() {
            Some(ShapePiece::Literal(text)) => text,
            _ => b"",
        }
    }

    /// Matches `text` from end to end and hands out what stands in each hole.
    fn scan<'a, E: From<Mismatch>>(
        &self,
        text: &'a [u8],
        visit: &mut impl FnMut(Hole, &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = text;
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                ShapePiece::Literal(literal) => {
                    rest = rest.strip_prefix(&**literal).ok_or(Mismatch::Literal)?;
                }
                ShapePiece::Hole(hole) => {
                    let end = match pieces.peek() {
                        Some(ShapePiece::Literal(literal)) => find(rest, literal).ok_or(Mismatch::Literal)?.start,
                        _ => rest.len(),
                    };
                    let (value, after) = rest.split_at(end);
                    visit(*hole, value)?;
                    rest = after;
                }
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(Mismatch::Literal.into()) }
    }

    /// The text that has `fill(hole)` in each hole.
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

impl Syntax {
    /// Matches `text` and hands out what stands in each hole of each known item, in order.
    pub(crate) fn scan<'a, E: From<Mismatch>>(
        &self,
        text: &'a [u8],
        visit: &mut impl FnMut(Hole, &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Value(shape) => shape.scan(text, visit),
            Self::List { separator, trim, items } => {
                let mut known = false;
                for item in text.split(|byte| byte == separator) {
                    let item = if *trim { trim_ows(item) } else { item };
                    let shape = items.iter().find(|shape| item.starts_with(shape.prefix()));
                    if let Some(shape) = shape.filter(|_| !item.is_empty()) {
                        known = true;
                        shape.scan(item, visit)?;
                    }
                }
                if known { Ok(()) } else { Err(Mismatch::NoKnownItem.into()) }
            }
        }
    }

    /// The text that has `fill(hole)` in each hole.
    pub(crate) fn print(&self, mut fill: impl FnMut(Hole) -> String) -> String {
        match self {
            Self::Value(shape) => shape.print(fill),
            Self::List { separator, trim, items } => {
                let between = if *trim && *separator != b' ' { " " } else { "" };
                let printed: Vec<String> = items.iter().map(|item| item.print(&mut fill)).collect();
                printed.join(&format!("{}{between}", char::from(*separator)))
            }
        }
    }

    pub(super) fn shapes(&self) -> &[Shape] {
        match self {
            Self::Value(shape) => std::slice::from_ref(shape),
            Self::List { items, .. } => items,
        }
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.shapes().iter().flat_map(Shape::holes)
    }
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag(encoding) => encoding.name(),
            Self::Token => "token",
            Self::Timestamp => "timestamp",
            Self::Id => "id",
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

fn find(text: &[u8], wanted: &[u8]) -> Option<Range<usize>> {
    if let [byte] = wanted {
        return text.iter().position(|other| other == byte).map(|at| at..at + 1);
    }
    text.windows(wanted.len()).position(|window| window == wanted).map(|at| at..at + wanted.len())
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
        "unknown placeholder `{{{name}}}`; expected an encoding ({}), `token`, `timestamp`, `id` or `any`",
        encodings.join(", ")
    );
    TemplateError::new(offset, message)
}
