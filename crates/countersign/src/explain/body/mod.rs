//! Body mistakes: the body differs from the signed bytes.

mod form;
mod packed;
mod rewritten;
mod text;
mod variants;
mod wrapped;

use std::fmt;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::IgnoredAny;

use self::variants::BodyVariants;
use super::{
    mistake::Mistake,
    search::{Search, Untried},
};
use crate::{
    rejection::{Problem, Rejection},
    scheme::{Part, Source},
};

/// The body is not the one that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyMistake {
    /// A byte order mark was added or removed.
    ByteOrderMark {
        /// Whether the signed body has it.
        signed: bool,
    },
    /// It was read in one character set and written in another.
    Charset {
        /// What happened.
        change: &'static str,
    },
    /// It is JSON that ends in the middle.
    CutOff {
        /// Its length, in bytes.
        len: usize,
    },
    /// It was decompressed, but the compressed bytes were signed.
    Decompressed,
    /// It is empty, although the request announces one.
    Empty,
    /// It is the signed body in an encoding.
    Encoded {
        /// The encoding.
        encoding: &'static str,
    },
    /// A form was decoded or encoded again.
    Form {
        /// What was signed.
        signed: &'static str,
    },
    /// Its line ends were changed.
    LineEnds {
        /// Those that were signed.
        signed: &'static str,
    },
    /// It is longer than announced, and the rest is not signed.
    Overlong,
    /// Bytes that are not UTF-8 were replaced.
    ReplacementCharacters,
    /// It was parsed as JSON and serialised again.
    Reserialised {
        /// How the signed body is written.
        signed: String,
    },
    /// It is compressed, but the decompressed bytes were signed.
    StillCompressed,
    /// It is what a program prints for a parsed object.
    Stringified,
    /// It is shorter than announced.
    Truncated {
        /// Its length, in bytes.
        len: usize,
        /// The announced length, in bytes.
        announced: u64,
    },
    /// An empty body was signed.
    Unsigned,
    /// White space at its ends was added or removed.
    WhiteSpace {
        /// What was signed.
        signed: &'static str,
    },
    /// It is a document of a gateway or a queue that contains the signed body.
    Wrapped {
        /// The place of the signed body in it, as a JSON pointer.
        place: String,
    },
}

impl BodyMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::ByteOrderMark { .. } => "body_byte_order_mark",
            Self::Charset { .. } => "body_charset",
            Self::Decompressed => "body_decompressed",
            Self::Empty => "body_empty",
            Self::Encoded { .. } => "body_encoded",
            Self::Form { .. } => "body_form",
            Self::LineEnds { .. } => "body_line_ends",
            Self::Overlong => "body_overlong",
            Self::ReplacementCharacters => "body_replacement_characters",
            Self::Reserialised { .. } => "body_reserialised",
            Self::StillCompressed => "body_still_compressed",
            Self::Stringified => "body_stringified",
            Self::CutOff { .. } | Self::Truncated { .. } => "body_truncated",
            Self::Unsigned => "body_unsigned",
            Self::WhiteSpace { .. } => "body_white_space",
            Self::Wrapped { .. } => "body_wrapped",
        }
    }
}

impl fmt::Display for BodyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrderMark { signed: true } => {
                f.write_str("the signed body begins with a byte order mark, which was removed")?;
            }
            Self::ByteOrderMark { signed: false } => {
                f.write_str("a byte order mark was added in front of the body")?;
            }
            Self::Charset { change } => f.write_str(change)?,
            Self::CutOff { len } => {
                return write!(
                    f,
                    "the body is JSON that ends in the middle, after {len} bytes: look for a size limit that cuts it off, or for \
                     code that reads a part of it first"
                );
            }
            Self::Decompressed => {
                f.write_str(
                    "the body was decompressed (its Content-Encoding is still there), but the compressed one is signed",
                )?;
            }
            Self::Empty => {
                f.write_str("the body is empty, although the request announces one: something read it first")?;
            }
            Self::Encoded { encoding } => write!(f, "the body is the signed one {encoding}")?,
            Self::Form { signed } => write!(f, "the form was decoded or encoded again: the signed body is {signed}")?,
            Self::LineEnds { signed } => {
                write!(f, "the line ends of the body were changed: the signed ones are {signed}")?;
            }
            Self::Overlong => f.write_str("the body is longer than its Content-Length, and the rest is not signed")?,
            Self::ReplacementCharacters => f.write_str(
                "the body contains U+FFFD, which replaces bytes that are not UTF-8: something decoded the body as text",
            )?,
            Self::Reserialised { signed } => {
                write!(f, "the body was parsed as JSON and serialised again: the signed one is {signed}")?;
            }
            Self::StillCompressed => {
                return f.write_str(
                    "the body is compressed, but the decompressed one is signed: decompress it (with a size limit) before the \
                     verifier",
                );
            }
            Self::Stringified => {
                f.write_str("the body is what a program prints for a parsed object (such as `[object Object]`), not the body itself")?;
            }
            Self::Truncated { len, announced } => {
                return write!(
                    f,
                    "the body has {len} of the {announced} bytes that its Content-Length announces: look for a size limit that \
                     cuts it off, or for code that reads a part of it first"
                );
            }
            Self::Unsigned => {
                return f.write_str(
                    "the signature is that of an empty body: the sender signs before it has the body, or somebody added a body \
                     to a signed request; do not accept it",
                );
            }
            Self::WhiteSpace { signed } => write!(f, "white space around the body was changed: {signed}")?,
            Self::Wrapped { place } => {
                write!(f, "a gateway or queue wrapped the body in a document, and the signed body is its `{place}`")?;
            }
        }
        f.write_str("; give the verifier the raw body, before anything parses or rewrites it")
    }
}

/// A body that may have been signed.
pub(super) struct BodyVariant {
    pub(super) body: Vec<u8>,
    mistake: BodyMistake,
}

impl BodyVariant {
    pub(super) fn mistake(&self) -> Mistake {
        Mistake::Body(self.mistake.clone())
    }
}

/// The bodies that may have been signed, the likeliest first.
pub(super) fn variants(search: &Search<'_>) -> Vec<BodyVariant> {
    let body = search.body;
    if body.len() > MAX_CHANGED {
        search.note_untried(Untried::Body);
        return Vec::new();
    }
    let mut variants = BodyVariants::of(body);
    announced(search, &mut variants);
    text::add(body, &mut variants);
    packed::add(body, &mut variants);
    if body.len() > MAX_REWRITTEN {
        variants.leave_out();
    } else {
        wrapped::add(body, &mut variants);
        form::add(body, &mut variants);
        rewritten::add(body, &mut variants);
    }
    if !variants.is_complete() {
        search.note_untried(Untried::Body);
    }
    variants.into_bodies()
}

/// The empty body, if the scheme signs the bytes of the body itself: otherwise the signature could be one over the URL
/// or the like.
pub(super) fn unsigned(search: &Search<'_>) -> Option<BodyVariant> {
    let signs_bytes = search.scheme.signature.parts.contains(&Part::Body);
    (signs_bytes && !search.body.is_empty()).then(|| BodyVariant { body: Vec::new(), mistake: BodyMistake::Unsigned })
}

/// The body up to its announced length, if it is longer.
fn announced(search: &Search<'_>, variants: &mut BodyVariants) {
    let len = content_length(search).and_then(|len| usize::try_from(len).ok());
    let Some((body, rest)) = len.and_then(|len| search.body.split_at_checked(len)) else { return };
    let is_space = rest.iter().all(u8::is_ascii_whitespace);
    if !rest.is_empty() && !body.is_empty() && !is_space {
        variants.add(body, BodyMistake::Overlong);
    }
}

/// The mistake that the body shows, where the signature cannot prove it.
pub(super) fn indicated(search: &Search<'_>, rejection: &Rejection) -> Option<Mistake> {
    // The body has no effect on whether a token is valid.
    let covers = search.setup.scheme.covers_body() || search.setup.scheme.checks.iter().any(|check| !check.optional);
    if (!covers || !is_about_the_content(rejection)) && !is_missing_in_body(search, rejection) {
        return None;
    }
    let (body, announced) = (search.body, content_length(search));
    let is_json = search.head.headers.get(CONTENT_TYPE).is_some_and(|value| contains(value.as_bytes(), b"json"));
    let mistake = if body.is_empty() && (announced.is_some_and(|len| len > 0) || (is_json && announced.is_none())) {
        BodyMistake::Empty
    } else if STRINGIFIED.iter().any(|text| body.trim_ascii().starts_with(text)) {
        BodyMistake::Stringified
    } else if is_decompressed(search) {
        BodyMistake::Decompressed
    } else if let Some(announced) = announced.filter(|announced| *announced > body.len() as u64) {
        BodyMistake::Truncated { len: body.len(), announced }
    } else if contains(body, "\u{fffd}".as_bytes()) {
        BodyMistake::ReplacementCharacters
    } else if is_cut_off(body) {
        BodyMistake::CutOff { len: body.len() }
    } else {
        return None;
    };
    Some(Mistake::Body(mistake))
}

/// Whether it is a JSON document without its end.
fn is_cut_off(body: &[u8]) -> bool {
    let is_document = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    is_document && serde_json::from_slice::<IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// Whether the place of the signature is in the body, and the signature is missing there.
fn is_missing_in_body(search: &Search<'_>, rejection: &Rejection) -> bool {
    let scheme = &search.setup.scheme;
    let stands_in_body =
        |source: &Source| matches!(source, Source::Body | Source::Json(_) | Source::Form(_) | Source::FormJson(..));
    let is_missing = matches!(
        rejection,
        Rejection::MissingSignature { .. }
            | Rejection::MalformedSignature { problem: Problem::Missing | Problem::NotJson, .. }
    );
    is_missing && stands_in_body(&scheme.signature.source)
}

/// Whether the signature was compared and did not match, or a value could not be read because the body is not JSON.
fn is_about_the_content(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Signature | Rejection::BodyHash { .. } | Rejection::AmbiguousContent { .. })
        || matches!(
            rejection,
            Rejection::MalformedTimestamp { problem: Problem::NotJson, .. }
                | Rejection::MalformedValue { problem: Problem::NotJson, .. }
        )
}

fn is_decompressed(search: &Search<'_>) -> bool {
    let Some(coding) = search.head.headers.get(CONTENT_ENCODING) else { return false };
    let begins: &[&[u8]] = match coding.as_bytes().to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => &[b"\x1f\x8b"],
        b"deflate" => &[b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"],
        b"zstd" => &[b"\x28\xb5\x2f\xfd"],
        // Brotli has no magic number, but JSON is not Brotli.
        b"br" => return matches!(search.body.first(), Some(b'{' | b'[')) && std::str::from_utf8(search.body).is_ok(),
        _ => return false,
    };
    !search.body.is_empty() && !begins.iter().any(|mark| search.body.starts_with(mark))
}

fn content_length(search: &Search<'_>) -> Option<u64> {
    search.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// What JavaScript, PHP and Python print for parsed objects. The last two are Python's syntax instead of JSON's.
const STRINGIFIED: [&[u8]; 5] = [b"[object Object]", b"Array\n(", b"stdClass Object", b"{'", b"[{'"];

/// Larger bodies are only verified unchanged. In bytes.
const MAX_CHANGED: usize = 8 << 20;

/// Larger bodies are not parsed and written in every style. In bytes.
const MAX_REWRITTEN: usize = 128 << 10;
