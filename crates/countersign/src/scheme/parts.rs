//! The parts of the signed content, and what they cover.

use super::{
    Source,
    template::{Piece, TemplateError, pieces},
};
use crate::{algorithm::Digest, encoding::Encoding};

/// A part of the signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<[u8]>),
    /// The key itself, in hashes that are not HMAC.
    Secret,
    Timestamp,
    /// The delivery's id.
    Id,
    Method,
    /// The public URL with path and query.
    Url,
    /// The path, without the query.
    Path,
    /// The query string, without its question mark.
    Query,
    /// The path and, if there is one, the question mark and the query.
    PathAndQuery,
    /// The host of the public URL, with its port if it has one.
    Host,
    /// A value out of the request.
    Value(Source),
    /// Every form parameter, sorted.
    FormSorted,
    Body,
    BodyHash(Digest, Encoding),
}

impl Part {
    /// Reads the `signs` template.
    pub(crate) fn parse_all(template: &str) -> Result<Vec<Self>, TemplateError> {
        let mut parts: Vec<Self> = Vec::new();
        for piece in pieces(template)? {
            match piece {
                Piece::Literal(text) => {
                    if let Some(Self::Literal(before)) = parts.last_mut() {
                        *before = [before, text.as_bytes()].concat().into();
                    } else {
                        parts.push(Self::Literal(text.as_bytes().into()));
                    }
                }
                Piece::Placeholder { name, argument, offset } => {
                    let part = Self::from_placeholder(name, argument)
                        .unwrap_or_else(|| Err(unknown(name, argument)))
                        .map_err(|message| TemplateError::new(offset, message))?;
                    parts.push(part);
                }
            }
        }
        Ok(parts)
    }

    fn from_placeholder(name: &str, argument: Option<&str>) -> Option<Result<Self, String>> {
        if let Some(argument) = argument {
            return match Source::from_placeholder(name, argument) {
                Some(source) => Some(source.map(Self::Value)),
                None => body_hash(name, argument).map(|(digest, encoding)| Ok(Self::BodyHash(digest, encoding))),
            };
        }
        Some(Ok(match name {
            "secret" => Self::Secret,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "method" => Self::Method,
            "url" => Self::Url,
            "path" => Self::Path,
            "query" => Self::Query,
            "path-and-query" => Self::PathAndQuery,
            "host" => Self::Host,
            "form-sorted" => Self::FormSorted,
            "body" => Self::Body,
            _ => return None,
        }))
    }

    pub(super) fn needs_public_url(&self) -> bool {
        matches!(self, Self::Url | Self::Host)
    }

    pub(super) fn needs_whole_body(&self) -> bool {
        match self {
            Self::FormSorted | Self::BodyHash(..) => true,
            Self::Value(source) => source.is_in_body(),
            _ => false,
        }
    }

    /// Whether a signature over this part covers the whole body.
    pub(super) fn covers_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodyHash(..) | Self::FormSorted)
    }

    /// Whether a signature over this part covers the value at `source`.
    pub(super) fn covers(&self, source: &Source) -> bool {
        match (self, source) {
            (Self::Value(own), _) => own == source,
            (Self::Url | Self::Query | Self::PathAndQuery, Source::Query(_))
            | (Self::Body | Self::BodyHash(..), Source::Json(_) | Source::Form(_)) => true,
            _ => false,
        }
    }
}

/// Reads `sha256-hex:body` and its like, given as name and argument.
pub(super) fn body_hash(name: &str, argument: &str) -> Option<(Digest, Encoding)> {
    let (digest, encoding) = name.split_once('-')?;
    Some((Digest::from_name(digest)?, Encoding::from_name(encoding)?)).filter(|_| argument == "body")
}

fn unknown(name: &str, argument: Option<&str>) -> String {
    let argument = argument.map(|argument| format!(":{argument}")).unwrap_or_default();
    format!(
        "unknown placeholder `{{{name}{argument}}}`; expected `body`, `timestamp`, `id`, `method`, `url`, `path`, `query`, \
         `path-and-query`, `host`, `form-sorted`, `secret`, `header:NAME`, `query:NAME`, `form:NAME`, `json:/POINTER` or a \
         hash of the body such as `sha256-hex:body`"
    )
}
