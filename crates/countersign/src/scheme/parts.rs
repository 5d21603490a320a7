//! `Part`: the parts of the signed content, and what each one covers.

use super::{
    Source,
    error::not_built,
    file::Signs,
    form::FormRule,
    template::{Piece, TemplateError, pieces},
};
use crate::{algorithm::Digest, canonical::Canonical, encoding::Encoding, json::Pointer};

/// A part of the signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<[u8]>),
    /// The key itself, in hashes that are not HMAC.
    Secret,
    /// A value of the receiver's configuration.
    Setting(String),
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
    /// A value of the request.
    Value(Source),
    /// A value of the request, with ASCII letters in lower case.
    Lower(Source),
    /// The bytes of a JSON value, unchanged from the body.
    JsonRaw(Pointer),
    /// Every form parameter, sorted.
    FormSorted,
    /// Every parameter of the query, sorted.
    QuerySorted,
    /// These parts, sorted by their bytes and concatenated.
    Sorted(Vec<Part>),
    Body,
    /// The body in an encoding.
    BodyIn(Encoding),
    /// The body as a JSON string literal.
    BodyAsJsonString,
    /// The CRC-32 of the body (ISO-HDLC, as in gzip) in decimal digits.
    BodyCrc32,
    Hash(Digest, HashEncoding, Hashed),
    /// The output of a named function.
    Canonical(Canonical),
    /// Parts that are present only if the request has this value.
    When(Source, Vec<Part>),
}

/// What a hash among the parts covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashed {
    Body,
    Url,
}

/// How a hash among the parts is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HashEncoding {
    Raw,
    Text(Encoding),
}

impl Part {
    /// Reads `signs`, one template or several. An error has the index of the template and the position in it.
    pub(super) fn parse_signs(signs: &Signs) -> Result<Vec<Self>, (usize, TemplateError)> {
        let mut parts = Vec::new();
        for (at, (text, when)) in signs.templates().enumerate() {
            let located = |error| (at, error);
            let read = Self::parse_all(text).map_err(located)?;
            match when {
                None => read.into_iter().for_each(|part| push(&mut parts, part)),
                Some(when) => {
                    let (name, argument) = when.split_once(':').unwrap_or((when, ""));
                    let source = place(name, argument)
                        .unwrap_or_else(|| Err(format!("`{when}` is not a place; expected one such as `header:X-Id`")))
                        .map_err(|message| located(TemplateError::new(0, message)))?;
                    parts.push(Self::When(source, read));
                }
            }
        }
        Ok(parts)
    }

    /// Reads one template.
    pub(crate) fn parse_all(template: &str) -> Result<Vec<Self>, TemplateError> {
        let mut parts: Vec<Self> = Vec::new();
        for piece in pieces(template)? {
            match piece {
                Piece::Literal(text) => push(&mut parts, Self::Literal(text.as_bytes().into())),
                Piece::Placeholder { name, argument, offset } => {
                    let part = Self::from_placeholder(name, argument).ok_or_else(|| unknown(name, argument, offset))?;
                    parts.push(part.map_err(|message| TemplateError::new(offset, message))?);
                }
            }
        }
        Ok(parts)
    }

    fn from_placeholder(name: &str, argument: Option<&str>) -> Option<Result<Self, String>> {
        match argument {
            Some(argument) => Self::with_argument(name, argument),
            None => Self::from_word(name).map(Ok),
        }
    }

    fn from_word(name: &str) -> Option<Self> {
        Some(match name {
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
            "query-sorted" => Self::QuerySorted,
            "body" => Self::Body,
            _ => return None,
        })
    }

    fn with_argument(name: &str, argument: &str) -> Option<Result<Self, String>> {
        if let Some(source) = place(name, argument) {
            return Some(source.map(Self::Value));
        }
        if let Some(encoding) = Encoding::from_name(name).filter(|_| argument == "body") {
            return Some(Ok(Self::BodyIn(encoding)));
        }
        Some(match (name, argument) {
            ("setting", setting) if !setting.is_empty() => Ok(Self::Setting(setting.to_owned())),
            ("crc32-decimal", "body") => Ok(Self::BodyCrc32),
            ("json-string", "body") => Ok(Self::BodyAsJsonString),
            ("json-raw", pointer) => Pointer::parse(pointer)
                .map(Self::JsonRaw)
                .ok_or_else(|| format!("`{pointer}` is not a JSON pointer; expected one such as `/payload`")),
            ("canonical", function) => Canonical::from_name(function).map(Self::Canonical),
            ("lower", at) => {
                let (name, argument) = at.split_once(':')?;
                place(name, argument)?.map(Self::Lower)
            }
            ("sorted", list) => list.split(',').map(Self::sortable).collect::<Result<_, _>>().map(Self::Sorted),
            _ => {
                let (digest, encoding, hashed) = hash(name, argument)?;
                Ok(Self::Hash(digest, encoding, hashed))
            }
        })
    }

    fn sortable(item: &str) -> Result<Self, String> {
        let read = match item.split_once(':') {
            Some((name, argument)) => place(name, argument).map(|source| source.map(Self::Value)),
            None => Self::from_word(item).map(Ok),
        };
        match read {
            Some(Ok(part @ (Self::Secret | Self::Timestamp | Self::Id | Self::Value(_)))) => Ok(part),
            _ => Err(format!("`{item}` cannot be sorted; expected `secret`, `timestamp`, `id` or a place")),
        }
    }

    /// Whether this part or one inside it is `wanted`.
    pub(crate) fn any(&self, wanted: &dyn Fn(&Self) -> bool) -> bool {
        wanted(self)
            || match self {
                Self::Sorted(inner) | Self::When(_, inner) => inner.iter().any(|part| part.any(wanted)),
                _ => false,
            }
    }

    /// A hash without collision resistance in this part, or in one inside it.
    pub(super) fn weak_hash(&self) -> Option<Digest> {
        match self {
            Self::Hash(digest, ..) => Some(*digest).filter(|digest| !digest.is_collision_resistant()),
            Self::Sorted(inner) | Self::When(_, inner) => inner.iter().find_map(Self::weak_hash),
            _ => None,
        }
    }

    /// Whether this part writes `wanted` for every request that has it at `source`, or in the layout if `source` is
    /// `None`.
    pub(super) fn always_writes(&self, wanted: &Self, source: Option<&Source>) -> bool {
        match self {
            Self::When(own, inner) => {
                source == Some(own) && inner.iter().any(|part| part.always_writes(wanted, source))
            }
            Self::Sorted(inner) => inner.contains(wanted),
            part => part == wanted,
        }
    }

    pub(crate) fn needs_public_url(&self) -> bool {
        self.any(&|part| match part {
            Self::Url | Self::Host | Self::Hash(_, _, Hashed::Url) => true,
            Self::Canonical(function) => function.needs_public_url(),
            _ => false,
        })
    }

    pub(super) fn needs_whole_body(&self) -> bool {
        self.any(&|part| match part {
            // A query is sorted together with the form, when the whole body is there.
            Self::FormSorted
            | Self::QuerySorted
            | Self::BodyIn(_)
            | Self::BodyAsJsonString
            | Self::BodyCrc32
            | Self::JsonRaw(_)
            | Self::Canonical(_)
            | Self::Hash(_, _, Hashed::Body) => true,
            Self::Value(source) | Self::Lower(source) | Self::When(source, _) => source.is_in_body(),
            Self::Literal(_)
            | Self::Secret
            | Self::Setting(_)
            | Self::Timestamp
            | Self::Id
            | Self::Method
            | Self::Url
            | Self::Path
            | Self::Query
            | Self::PathAndQuery
            | Self::Host
            | Self::Sorted(_)
            | Self::Body
            | Self::Hash(_, _, Hashed::Url) => false,
        })
    }

    /// Whether the part can always be written once the head was examined.
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Self::Literal(_)
            | Self::Setting(_)
            | Self::Timestamp
            | Self::Id
            | Self::Method
            | Self::Url
            | Self::Path
            | Self::Query
            | Self::PathAndQuery
            | Self::Host
            | Self::Body => true,
            Self::Secret
            | Self::Value(_)
            | Self::Lower(_)
            | Self::JsonRaw(_)
            | Self::FormSorted
            | Self::QuerySorted
            | Self::Sorted(_)
            | Self::BodyIn(_)
            | Self::BodyAsJsonString
            | Self::BodyCrc32
            | Self::Hash(..)
            | Self::Canonical(_)
            | Self::When(..) => false,
        }
    }

    /// Whether a signature over this part covers the whole body.
    pub(super) fn covers_body(&self, form: &FormRule) -> bool {
        match self {
            Self::Body | Self::BodyIn(_) | Self::BodyAsJsonString | Self::Hash(_, _, Hashed::Body) => true,
            // Without names, a value could be moved to another parameter.
            Self::FormSorted => !form.values_only,
            Self::Canonical(function) => function.covers_body(),
            _ => false,
        }
    }

    /// Whether this part contains every byte of the body, so that the signature itself cannot be in the body.
    pub(super) fn covers_all_bytes(&self) -> bool {
        matches!(self, Self::Body | Self::BodyIn(_) | Self::BodyAsJsonString | Self::Hash(_, _, Hashed::Body))
    }

    /// Whether this part writes the URL, which may have several forms.
    pub(super) fn writes_url(&self) -> bool {
        match self {
            Self::Url | Self::Hash(_, _, Hashed::Url) => true,
            Self::Canonical(function) => function.needs_public_url(),
            _ => false,
        }
    }

    /// Whether a signature over this part covers the value at `source`.
    ///
    /// A CRC-32 covers nothing: anybody can make another body with the same sum.
    pub(super) fn covers(&self, source: &Source) -> bool {
        match (self, source) {
            (Self::Value(Source::Form(field)), Source::FormJson(own, _)) => field == own,
            (Self::Value(own), _) => own == source,
            // For another value the condition may not hold, and depending on a value does not sign it.
            (Self::When(own, inner), _) => own == source && inner.iter().any(|part| part.covers(source)),
            (Self::Url | Self::Query | Self::PathAndQuery | Self::Hash(_, _, Hashed::Url), Source::Query(_))
            | (
                Self::Body | Self::BodyIn(_) | Self::BodyAsJsonString | Self::Hash(_, _, Hashed::Body),
                Source::Json(_) | Source::Form(_) | Source::FormJson(..) | Source::Body,
            ) => true,
            (Self::JsonRaw(pointer), Source::Json(own)) => own.tokens().starts_with(pointer.tokens()),
            (Self::Canonical(function), _) => function.covers(source),
            _ => false,
        }
    }
}

/// Adds a part. Adjacent texts become one part.
pub(super) fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Literal(before)), Part::Literal(text)) => *before = [&**before, &*text].concat().into(),
        (_, part) => parts.push(part),
    }
}

/// The place that a placeholder names. Claims are refused: only a token has them, and it signs them itself.
fn place(name: &str, argument: &str) -> Option<Result<Source, String>> {
    let place = Source::from_placeholder(name, argument)?;
    Some(match place {
        Ok(Source::Claim(_)) => Err("only a `jwt` has claims, and it signs them itself".to_owned()),
        place => place,
    })
}

/// Reads a hash such as `sha256-hex:body`, given as name and argument.
pub(super) fn hash(name: &str, argument: &str) -> Option<(Digest, HashEncoding, Hashed)> {
    let (digest, encoding) = digest_and(name, |encoding| match encoding {
        "raw" => Some(HashEncoding::Raw),
        text => Encoding::from_name(text).map(HashEncoding::Text),
    })?;
    let hashed = match argument {
        "body" => Hashed::Body,
        "url" => Hashed::Url,
        _ => return None,
    };
    Some((digest, encoding, hashed))
}

/// Reads `sha256-hex`. The digest's own name may have a hyphen: `sha3-512`.
pub(super) fn digest_and<E>(name: &str, encoding: impl Fn(&str) -> Option<E>) -> Option<(Digest, E)> {
    name.match_indices('-').find_map(|(at, _)| Some((Digest::from_name(&name[..at])?, encoding(&name[at + 1..])?)))
}

fn unknown(name: &str, argument: Option<&str>, offset: usize) -> TemplateError {
    if let Some(error) = hash_not_built(name, offset) {
        return error;
    }
    let argument = argument.map(|argument| format!(":{argument}")).unwrap_or_default();
    let message = format!(
        "unknown placeholder `{{{name}{argument}}}`; expected `body`, `timestamp`, `id`, `method`, `url`, `path`, `query`, \
         `path-and-query`, `host`, `form-sorted`, `query-sorted`, `secret`, `setting:NAME`, `header:NAME`, `query:NAME`, \
         `form:NAME`, `json:/POINTER`, `lower:` and one of these places, `json-raw:/POINTER`, `json-string:body`, \
         `crc32-decimal:body`, `sorted:…`, `canonical:NAME` or a hash such as `sha256-hex:body`"
    );
    TemplateError::new(offset, message)
}

/// The error for a placeholder such as `md5-hex` whose hash is not in this build.
pub(super) fn hash_not_built(name: &str, offset: usize) -> Option<TemplateError> {
    let mut hashes = name.match_indices('-').map(|(at, _)| &name[..at]);
    let (hash, feature) = hashes.find_map(|hash| Some((hash, Digest::missing_feature(hash)?)))?;
    let missing_feature = Some(feature);
    Some(TemplateError { missing_feature, ..TemplateError::new(offset, not_built(hash, feature)) })
}
