//! The signed content of a request, written part by part and never by substitution into a string.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use memchr::memchr;
use zeroize::Zeroizing;

use crate::{
    algorithm::{Digest, Mac, Tag},
    head::{Head, Unusable, look_up},
    hmac_sha256::HmacSha256,
    json,
    public_url::PublicUrl,
    rejection::{Problem, Rejection},
    scheme::{FormRule, Guard, HashEncoding, Hashed, Part, Scheme, Source, UrlForm},
    sha256::Sha256,
    sorting,
};

/// Everything that the parts of a request are made of.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) head: Head<'a>,
    pub(crate) public_url: Option<&'a PublicUrl>,
    pub(crate) settings: &'a Settings,
    pub(crate) timestamp: &'a [u8],
    pub(crate) id: &'a [u8],
    /// The sorted parameters, computed once for all keys; empty if the scheme does not sign them.
    pub(crate) sorted: &'a SortedParameters,
}

/// The configured values besides the secret, by name. Wiped, because one of them is the token of a handshake.
pub(crate) type Settings = BTreeMap<String, Zeroizing<String>>;

/// What depends on the form of the URL, the key and the body, in addition to the [`Content`].
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) form: UrlForm,
    pub(crate) secret: &'a [u8],
    /// Must be present if a part reads it.
    pub(crate) body: Option<&'a [u8]>,
}

impl Content<'_> {
    /// Writes `parts` in order.
    #[inline]
    pub(crate) fn write(
        &self,
        parts: &[Part],
        with: Writing<'_>,
        write: &mut impl FnMut(&[u8]),
    ) -> Result<(), Rejection> {
        for part in parts {
            // The parts of nearly every scheme are written straight into the hash.
            match part {
                Part::Literal(text) => write(text),
                Part::Timestamp => write(self.timestamp),
                Part::Id => write(self.id),
                Part::Body => write(with.body.unwrap_or_default()),
                _ => self.write_part(part, with, write)?,
            }
        }
        Ok(())
    }

    /// The tag of `parts` under a hash that is still empty.
    #[expect(
        clippy::inline_always,
        reason = "as a call of its own it waits for its arguments as long as for a look-up"
    )]
    #[inline(always)]
    pub(crate) fn tag(&self, start: &Mac, parts: &[Part], with: Writing<'_>) -> Result<Tag, Rejection> {
        // The usual case avoids moving the state, which would cost as much as hashing a block.
        if let Mac::HmacSha256(keyed) = start {
            let tag = keyed.of(|hash| self.write(parts, with, &mut |piece| hash.update(piece)))?;
            return Ok(Tag::new(tag));
        }
        let mut mac = start.clone();
        self.write(parts, with, &mut |piece| mac.update(piece))?;
        Ok(mac.finish())
    }

    /// The tags of `parts` under two hashes that are still empty.
    pub(crate) fn two_tags(&self, starts: [&Mac; 2], parts: &[Part], with: Writing<'_>) -> Result<[Tag; 2], Rejection> {
        let [one, other] = starts;
        if let (Mac::HmacSha256(one), Mac::HmacSha256(other)) = (one, other) {
            let tags = HmacSha256::of_two(one, other, |one, other| {
                self.write(parts, with, &mut |piece| Sha256::update_both(one, other, piece))
            })?;
            return Ok(tags.map(Tag::new));
        }
        Ok([self.tag(one, parts, with)?, self.tag(other, parts, with)?])
    }

    fn write_part(&self, part: &Part, with: Writing<'_>, write: &mut dyn FnMut(&[u8])) -> Result<(), Rejection> {
        let uri = self.head.uri;
        match part {
            Part::Literal(text) => write(text),
            Part::Secret => write(with.secret),
            Part::Setting(name) => write(self.settings.get(name).map_or(&[], |value| value.as_bytes())),
            Part::Timestamp => write(self.timestamp),
            Part::Id => write(self.id),
            Part::Method => write(self.head.method.as_str().as_bytes()),
            Part::Path => write(self.path().as_bytes()),
            Part::Query => write(uri.query().unwrap_or_default().as_bytes()),
            Part::PathAndQuery => {
                write(self.path().as_bytes());
                if let Some(query) = uri.query() {
                    write(b"?");
                    write(query.as_bytes());
                }
            }
            Part::Url => self.write_url(with.form, write),
            Part::Host => {
                if let Some(url) = self.public_url {
                    url.write_host(write);
                }
            }
            Part::Value(source) => write(&self.value(source, with.body)?),
            Part::Lower(source) => write(&self.value(source, with.body)?.to_ascii_lowercase()),
            Part::FormSorted => write(&self.sorted.form),
            Part::QuerySorted => write(&self.sorted.query),
            Part::Body => write(with.body.unwrap_or_default()),
            Part::Hash(digest, encoding, hashed) => write(&self.hash(*digest, *encoding, *hashed, with)),
            _ => self.write_rare(part, with, write)?,
        }
        Ok(())
    }

    /// Writes the parts that few schemes have, and that allocate.
    fn write_rare(&self, part: &Part, with: Writing<'_>, write: &mut dyn FnMut(&[u8])) -> Result<(), Rejection> {
        let body = with.body.unwrap_or_default();
        match part {
            Part::BodyCrc32 => write(crc32fast::hash(body).to_string().as_bytes()),
            Part::BodyIn(encoding) => write(encoding.encode(body).as_bytes()),
            Part::BodyAsJsonString => write(&as_json_string(body)?),
            Part::JsonRaw(pointer) => {
                let value = json::raw(body, pointer).map_err(Problem::from);
                let value = value.and_then(|value| value.ok_or(Problem::Missing));
                write(value.map_err(|problem| malformed_value(format!("JSON value `{pointer}`"), problem))?);
            }
            Part::Sorted(inner) => {
                let mut values = Vec::with_capacity(inner.len());
                for part in inner.iter().filter(|part| **part != Part::Secret) {
                    let mut value = Vec::new();
                    self.write_part(part, with, &mut |piece| value.extend_from_slice(piece))?;
                    values.push(value);
                }
                let times = inner.len() - values.len();
                write(&sorting::with_secret(values, with.secret, times));
            }
            Part::When(source, inner) => {
                let value = look_up(source, self.head, with.body);
                let value = value.map_err(|unusable| malformed_value(source.to_string(), unusable.into()))?;
                if value.is_some() {
                    inner.iter().try_for_each(|part| self.write_part(part, with, write))?;
                }
            }
            Part::Canonical(function) => write(&function.write(self, body, with.form)?),
            // `write_part` writes these.
            Part::Literal(_)
            | Part::Secret
            | Part::Setting(_)
            | Part::Timestamp
            | Part::Id
            | Part::Method
            | Part::Url
            | Part::Path
            | Part::Query
            | Part::PathAndQuery
            | Part::Host
            | Part::Value(_)
            | Part::Lower(_)
            | Part::FormSorted
            | Part::QuerySorted
            | Part::Body
            | Part::Hash(..) => {}
        }
        Ok(())
    }

    /// The signed content as one buffer.
    pub(crate) fn to_vec(self, parts: &[Part], with: Writing<'_>) -> Result<Vec<u8>, Rejection> {
        let mut content = Vec::with_capacity(with.body.map_or(0, <[u8]>::len) + 256);
        self.write(parts, with, &mut |piece| content.extend_from_slice(piece))?;
        Ok(content)
    }

    fn write_url(&self, form: UrlForm, write: &mut dyn FnMut(&[u8])) {
        if let Some(url) = self.public_url {
            url.write_url(self.head.uri, form, &self.scheme.url, write);
        }
    }

    fn hash(&self, digest: Digest, encoding: HashEncoding, hashed: Hashed, with: Writing<'_>) -> Vec<u8> {
        let tag = match hashed {
            Hashed::Body => digest.of(with.body.unwrap_or_default()),
            Hashed::Url => {
                let mut hash = digest.start();
                self.write_url(with.form, &mut |piece| hash.update(piece));
                hash.finish()
            }
        };
        match encoding {
            HashEncoding::Raw => tag.as_bytes().to_vec(),
            HashEncoding::Text(encoding) => encoding.encode(tag.as_bytes()).into_bytes(),
        }
    }

    pub(crate) fn value(&self, source: &Source, body: Option<&[u8]>) -> Result<Cow<'_, [u8]>, Rejection> {
        let value = look_up(source, self.head, body).map(|value| value.map(|value| Cow::Owned(value.into_owned())));
        let value = value.map_err(Problem::from).and_then(|value| value.ok_or(Problem::Missing));
        value.map_err(|problem| malformed_value(source.to_string(), problem))
    }

    pub(crate) fn path(&self) -> &str {
        self.public_url.map_or(self.head.uri.path(), |url| url.path(self.head.uri))
    }

    /// Checks the request against the rules that make its parts unambiguous. `first` is the first byte of the body.
    pub(crate) fn check_guard(&self, guard: &Guard, body: Option<&[u8]>, first: Option<u8>) -> Result<(), Rejection> {
        let broken = match guard {
            Guard::TimestampLen(len) => (self.timestamp.len() != *len)
                .then_some("the timestamp does not have the number of digits that tells it from its neighbour"),
            Guard::IdSegments { separator } => has_time_segment(self.id, *separator)
                .then_some("the id contains the separator and something like a timestamp after it"),
            Guard::IdWithout { separator } => {
                ends_early(self.id, separator).then_some("the id contains the separator that ends it")
            }
            Guard::IdWithoutDate => {
                has_date(self.id).then_some("the id contains a date, which could begin the timestamp")
            }
            Guard::ValueWithout { source, is_lowered, separator } => {
                let value = look_up(source, self.head, body).ok().flatten().unwrap_or_default();
                let value = if *is_lowered { value.to_ascii_lowercase().into() } else { value };
                ends_early(&value, separator).then_some("a signed value contains the separator that ends it")
            }
            Guard::PlainUrl => (!self.url_is_plain()).then_some("the URL contains a character that could end it"),
            Guard::BodyEndsUrl if first.is_some_and(crate::scheme::is_url_byte) => {
                Some("the body begins like a part of the URL before it")
            }
            Guard::BodyEndsUrl => {
                (!self.url_is_plain()).then_some("the URL contains a character that only a body can begin with")
            }
        };
        broken.map_or(Ok(()), |rule| Err(Rejection::AmbiguousContent { rule }))
    }

    fn url_is_plain(&self) -> bool {
        let bytes = |text: &str| text.bytes().all(crate::scheme::is_url_byte);
        bytes(self.path()) && self.head.uri.query().is_none_or(bytes)
    }
}

/// The body as `JSON.stringify` writes a string.
pub(crate) fn as_json_string(body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let text = std::str::from_utf8(body).ok().and_then(|text| serde_json::to_vec(text).ok());
    text.ok_or_else(|| malformed_value("the body".to_owned(), Problem::Encoding))
}

/// The sorted parameters of a request, as the scheme signs them.
#[derive(Debug, Default)]
pub(crate) struct SortedParameters {
    form: Vec<u8>,
    query: Vec<u8>,
}

impl SortedParameters {
    /// Sorts the parameters that the scheme signs; `body` is the whole body.
    pub(crate) fn of(scheme: &Scheme, head: Head<'_>, body: &[u8]) -> Result<Self, Rejection> {
        let signs = |wanted: &Part| scheme.signature.parts.iter().any(|part| part.any(&|part| part == wanted));
        let sort = |wanted: &Part, text: &[u8]| if signs(wanted) { sorted(&scheme.form, text) } else { Ok(Vec::new()) };
        let query = head.uri.query().unwrap_or_default().as_bytes();
        Ok(Self { form: sort(&Part::FormSorted, body)?, query: sort(&Part::QuerySorted, query)? })
    }

    /// For a scheme that signs no sorted parameters.
    pub(crate) const NONE: &Self = &Self { form: Vec::new(), query: Vec::new() };
}

/// The most parameters of a form that is sorted; Twilio sends about forty. Sorting takes longer than hashing.
const MAX_PARAMETERS: usize = 1000;

/// The sorted names and values of URL-encoded text, as the scheme signs them.
pub(crate) fn sorted(rule: &FormRule, encoded: &[u8]) -> Result<Vec<u8>, Rejection> {
    // Bytes that are not UTF-8 are replaced, as in the SDKs of the providers that sort their forms.
    let mut pairs: Vec<_> = form_urlencoded::parse(encoded).take(MAX_PARAMETERS + 1).collect();
    if pairs.len() > MAX_PARAMETERS {
        return Err(malformed_value("the form".to_owned(), Problem::TooMany));
    }
    pairs.retain(|(name, value)| {
        !(rule.exclude.iter().any(|other| other == name) || rule.skip_empty && value.is_empty())
    });
    pairs.sort_unstable();
    if rule.dedupe {
        pairs.dedup();
    }
    let mut text = Vec::with_capacity(encoded.len());
    for (at, (name, value)) in pairs.iter().enumerate() {
        let written = |text: &str| -> String {
            if rule.encode { form_urlencoded::byte_serialize(text.as_bytes()).collect() } else { text.to_owned() }
        };
        let join = if at == 0 { "" } else { rule.join.as_str() };
        let (name, between) =
            if rule.values_only { (String::new(), "") } else { (written(name), rule.between.as_str()) };
        for piece in [join, &name, between, &written(value), &rule.after] {
            text.extend_from_slice(piece.as_bytes());
        }
    }
    Ok(text)
}

pub(crate) fn malformed_value(place: String, problem: Problem) -> Rejection {
    Rejection::MalformedValue { place: Arc::from(place), problem }
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Conflicting => Self::Conflicting,
            Unusable::NotJson => Self::NotJson,
            Unusable::NotText => Self::Encoding,
            Unusable::NotMultipart => Self::Layout,
            Unusable::OtherType => Self::Type,
        }
    }
}

/// Whether the separator after `text` begins within `text`: `a.` before `..`.
fn ends_early(text: &[u8], separator: &[u8]) -> bool {
    let begins = |at: usize| text[at..].iter().chain(separator).take(separator.len()).eq(separator);
    match separator {
        // Nearly every separator is one byte.
        [byte] => memchr(*byte, text).is_some(),
        _ => (0..text.len()).any(begins),
    }
}

/// Whether it contains an RFC 3339 full-date anywhere, with any digits.
fn has_date(id: &[u8]) -> bool {
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    id.windows(DATE.len()).any(|window| window.iter().zip(DATE).all(fits))
}

const DATE: &[u8] = b"0000-00-00";

/// Whether any segment after a separator could be read as the timestamp, which would end the id there.
fn has_time_segment(id: &[u8], separator: u8) -> bool {
    let mut rest = id;
    while let Some(at) = memchr(separator, rest) {
        rest = &rest[at + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 && rest.get(digits).is_none_or(|byte| *byte == separator) {
            return true;
        }
    }
    false
}
