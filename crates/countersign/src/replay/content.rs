//! What the signature of an accepted delivery covers, as the input of its replay key.

use std::{borrow::Cow, cell::LazyCell, slice};

use http::{HeaderMap, HeaderName, Method, Uri};

use super::key::{Basis, ReplayKey, ReplayScope};
use crate::{
    content::{Content, Settings, SortedParameters, Writing},
    head::{Head, look_up},
    hmac_sha256::HmacSha256,
    http_signature::Component,
    json,
    public_url::PublicUrl,
    scheme::{Algorithm, Description, Field, FieldSource, Hashed, Part, Scheme, Source, ToldApartBy, UrlForm},
    verified::Value,
};

/// An accepted delivery: everything that its replay key is made of.
pub(crate) struct SignedContent<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) head: Head<'a>,
    pub(crate) public_url: Option<&'a PublicUrl>,
    /// The form of the URL that was signed.
    pub(crate) form: UrlForm,
    /// The text of the signed time. Needed only if it [takes part](Description::time_tells_apart).
    pub(crate) time: &'a [u8],
    pub(crate) id: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
}

impl SignedContent<'_> {
    /// The replay key; `None` if nothing tells the event from others.
    pub(crate) fn key<'v>(
        &self,
        scope: &ReplayScope,
        event_id: impl FnOnce() -> Option<Value<'v>>,
        event_type: impl FnOnce() -> Option<Value<'v>>,
    ) -> Option<ReplayKey> {
        let of_text = |basis, text: &[u8]| {
            let mut hash = scope.begin();
            hash.update(text);
            Some(hash.finish(self.scheme.id(), basis))
        };
        if let Some(id) = self.id.filter(|_| !self.is_ambiguous()) {
            return of_text(Basis::DeliveryId, id);
        }
        let told_apart_by = self.scheme.told_apart_by;
        let is_covered = self.scheme.event_id().is_some_and(Field::is_covered);
        let takes_unsigned = told_apart_by == Some(ToldApartBy::UnsignedValues);
        let event_id = (is_covered || takes_unsigned).then(event_id).flatten();
        match (&event_id, told_apart_by) {
            (Some(id), _) if is_covered => return of_text(Basis::EventId, id.as_str().as_bytes()),
            (_, Some(ToldApartBy::Nothing)) => return None,
            _ => {}
        }
        let mut hash = scope.begin();
        let unsigned = match told_apart_by {
            Some(ToldApartBy::UnsignedValues) => Some([event_id, event_type()]),
            Some(ToldApartBy::UnsignedType) => Some([None, event_type()]),
            _ => None,
        };
        self.write(unsigned.as_ref(), &mut |piece| hash.update(piece));
        Some(hash.finish(self.scheme.id(), Basis::Content))
    }

    fn is_ambiguous(&self) -> bool {
        self.scheme.ambiguity().is_some()
    }

    /// Writes the signed content, followed by the positions of the cuts. The secret is cut out, and so is the time,
    /// unless it tells events apart.
    ///
    /// The rest is written as it was signed, without separators. Where parts run into each other, the same text divided
    /// in another way has the same signature, and must have the same key.
    fn write(&self, unsigned: Option<&[Option<Value<'_>>; 2]>, write: &mut dyn FnMut(&[u8])) {
        let mut text = Text::new(write);
        match &*self.scheme.signature.optional_end {
            b"" => self.write_parts(&mut text),
            end => self.write_parts_without(end, &mut text),
        }
        let signs_no_parts = self.scheme.signature.parts.is_empty();
        if signs_no_parts {
            self.write_other_values(&mut text);
        }
        let takes_unsigned = self.scheme.told_apart_by == Some(ToldApartBy::UnsignedValues);
        // A scheme that signs no parts covers the body by a hash or not at all. The components of a message signature
        // say whether it covers the body. A token never does, and the same token may come with every event, so the body
        // takes part there anyway.
        let is_message = matches!(self.scheme.signature.algorithm, Algorithm::HttpSignature);
        let covers_body = self.scheme.covers_body();
        if (signs_no_parts && (covers_body || !is_message)) || (takes_unsigned && !covers_body) {
            text.cut();
            // If the token is the whole body, its claims: the same claims can be written and signed in several ways.
            let is_token = self.scheme.signature.source == Source::Body;
            text.write(if is_token { self.head.claims } else { self.body });
        }
        for value in unsigned.into_iter().flatten() {
            text.cut();
            text.write(value.as_ref().map_or("", Value::as_str).as_bytes());
        }
        text.finish();
    }

    fn write_parts(&self, text: &mut Text<'_>) {
        // The verifier read the same parts before, without an error.
        let sorted = LazyCell::new(|| SortedParameters::of(self.scheme, self.head, self.body).unwrap_or_default());
        for part in &self.scheme.signature.parts {
            match part {
                Part::Secret => text.cut(),
                Part::Timestamp if !self.scheme.time_tells_apart() => text.cut(),
                Part::Value(source) if self.time_to_cut() == Some(source) => text.cut(),
                Part::Body | Part::BodyIn(_) | Part::BodyAsJsonString | Part::Hash(_, _, Hashed::Body) => {
                    self.write_without_time(self.body, text);
                }
                Part::JsonRaw(pointer) => {
                    self.write_without_time(json::raw(self.body, pointer).ok().flatten().unwrap_or_default(), text);
                }
                _ => self.write_part(part, &sorted, text),
            }
        }
    }

    /// Writes the parts, and strips every optional end from the text: a text signed with the end can equal a longer one
    /// signed without it.
    fn write_parts_without(&self, end: &[u8], text: &mut Text<'_>) {
        let mut signed = Vec::new();
        let mut write = |piece: &[u8]| signed.extend_from_slice(piece);
        let mut whole = Text::new(&mut write);
        self.write_parts(&mut whole);
        text.cuts = whole.cuts;
        let mut signed = signed.as_slice();
        while let Some(shorter) = signed.strip_suffix(end) {
            signed = shorter;
        }
        text.write(signed);
    }

    fn write_part(&self, part: &Part, sorted: &SortedParameters, text: &mut Text<'_>) {
        let with = Writing { form: self.form, secret: &[], body: Some(self.body) };
        let settings = Settings::new();
        let content = self.content(&settings, sorted);
        let _: Result<(), _> = content.write(slice::from_ref(part), with, &mut |piece| text.write(piece));
    }

    /// Writes what a message signature must cover besides the body, and the claims that a token must make about the
    /// request.
    fn write_other_values(&self, text: &mut Text<'_>) {
        let settings = Settings::new();
        let content = self.content(&settings, SortedParameters::NONE);
        let components = self.scheme.http.components.iter().filter(|component| component.tells_events_apart());
        let components = components.filter_map(|component| component.value(&content).ok().map(Cow::Owned));
        let claims = self.scheme.checks.iter().map(|check| &check.source);
        let claims = claims.filter(|source| matches!(source, Source::Claim(_)));
        let claims = claims.filter_map(|source| look_up(source, self.head, None).ok().flatten());
        // All claims, because the times of a token are among them.
        let all_claims = self.scheme.time_tells_apart().then_some(Cow::Borrowed(self.head.claims));
        for value in components.chain(claims).chain(all_claims) {
            text.write(&value);
            text.cut();
        }
    }

    fn content<'c>(&'c self, settings: &'c Settings, sorted: &'c SortedParameters) -> Content<'c> {
        Content {
            scheme: self.scheme,
            head: self.head,
            public_url: self.public_url,
            // Settings are the same for all deliveries of an endpoint.
            settings,
            // The time is a part of its own, or one of the values of a canonical form.
            timestamp: if self.scheme.time_tells_apart() { self.time } else { b"" },
            id: self.id.unwrap_or_default(),
            sorted,
        }
    }

    /// Writes the body or a part of it, without the signed time if that is a value in its JSON.
    fn write_without_time(&self, part: &[u8], text: &mut Text<'_>) {
        let time = match self.time_to_cut() {
            Some(Source::Json(pointer)) => json::raw(self.body, pointer).ok().flatten(),
            _ => None,
        };
        match time.and_then(|time| around(time, part)) {
            Some((before, behind)) => {
                text.write(before);
                text.cut();
                text.write(behind);
            }
            None => text.write(part),
        }
    }

    /// The place of the signed time, unless the time takes part in the key.
    fn time_to_cut(&self) -> Option<&Source> {
        self.scheme.timestamp.as_ref()?.source.as_ref().filter(|_| !self.scheme.time_tells_apart())
    }
}

/// The bytes of `whole` before and after `within`, if `within` is a slice of the same memory.
fn around<'b>(within: &[u8], whole: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
    let start = within.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let (before, rest) = whole.split_at_checked(start)?;
    Some((before, rest.get(within.len()..)?))
}

impl ReplayScope {
    /// The key of a delivery whose [key is a hash of the body](Description::replay_key_is_of_body), and the tag of the
    /// body. Both are computed side by side, which takes less time than one after the other.
    pub(crate) fn key_and_tag(&self, scheme: &Scheme, keyed: &HmacSha256, body: &[u8]) -> (ReplayKey, [u8; 32]) {
        let mut hash = self.begin();
        let tag = hash.update_side_by_side(keyed, body);
        Text::new(&mut |piece| hash.update(piece)).finish();
        (hash.finish(scheme.id(), Basis::Content), tag)
    }
}

/// Writes text into a hash, and keeps the positions of the cuts.
struct Text<'a> {
    write: &'a mut dyn FnMut(&[u8]),
    length: u64,
    cuts: Vec<u64>,
}

impl<'a> Text<'a> {
    fn new(write: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { write, length: 0, cuts: Vec::new() }
    }

    fn write(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        (self.write)(piece);
    }

    fn cut(&mut self) {
        self.cuts.push(self.length);
    }

    /// Writes the positions after the text, and their count last, so that they cannot be taken for text.
    fn finish(self) {
        self.cuts.iter().chain([&(self.cuts.len() as u64)]).for_each(|number| (self.write)(&number.to_le_bytes()));
    }
}

/// What the replay key of a [`Delivery`](crate::Delivery) needs of the request's head, which the delivery does not
/// keep.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    /// Only the headers that were signed.
    headers: HeaderMap,
    public_url: Option<PublicUrl>,
    form: UrlForm,
    time: Vec<u8>,
}

impl KeptHead {
    /// What the key will need of this head; `None` for most schemes, which sign only the body, or an id.
    pub(crate) fn of(
        scheme: &Scheme,
        head: Head<'_>,
        public_url: Option<&PublicUrl>,
        form: UrlForm,
        time: &[u8],
    ) -> Option<Box<Self>> {
        let parts = &scheme.signature.parts;
        let components = scheme.http.components.iter().filter(|component| component.tells_events_apart());
        let is_needed = parts.iter().any(Part::reads_head)
            || (scheme.time_tells_apart() && !time.is_empty())
            || components.clone().next().is_some();
        is_needed.then(|| {
            let mut headers = HeaderMap::new();
            let of_parts = parts.iter().flat_map(|part| part.headers(head.headers));
            for name in of_parts.chain(components.filter_map(Component::header_name)) {
                headers.remove(name);
                for line in head.headers.get_all(name) {
                    headers.append(name, line.clone());
                }
            }
            let (method, uri) = (head.method.clone(), head.uri.clone());
            Box::new(Self { method, uri, headers, public_url: public_url.cloned(), form, time: time.to_vec() })
        })
    }

    /// Calls a function with the signed content of this head; `None` if no head had to be kept.
    pub(crate) fn with<T>(
        kept: Option<&Self>,
        scheme: &Scheme,
        id: Option<&[u8]>,
        claims: &[u8],
        body: &[u8],
        make: impl FnOnce(SignedContent<'_>) -> T,
    ) -> T {
        if let Some(Self { method, uri, headers, public_url, form, time }) = kept {
            let (head, public_url) = (Head::new(method, uri, headers).with_claims(claims), public_url.as_ref());
            return make(SignedContent { scheme, head, public_url, form: *form, time, id, body });
        }
        let (uri, headers) = (Uri::default(), HeaderMap::new());
        let head = Head::new(&Method::POST, &uri, &headers).with_claims(claims);
        make(SignedContent { scheme, head, public_url: None, form: UrlForm::AsIs, time: &[], id, body })
    }
}

impl Part {
    /// Whether the part reads anything from the head besides the time and the id.
    fn reads_head(&self) -> bool {
        self.any(&|part| match part {
            Self::Method
            | Self::Url
            | Self::Path
            | Self::Query
            | Self::PathAndQuery
            | Self::Host
            | Self::QuerySorted
            | Self::Hash(_, _, Hashed::Url)
            | Self::Canonical(_) => true,
            Self::Value(source) | Self::Lower(source) | Self::When(source, _) => !source.is_in_body(),
            _ => false,
        })
    }

    /// The headers that the part reads.
    fn headers<'h>(&'h self, all: &'h HeaderMap) -> Vec<&'h HeaderName> {
        match self {
            Self::Value(Source::Header(names)) | Self::Lower(Source::Header(names)) => names.iter().collect(),
            Self::When(source, inner) => {
                let own = match source {
                    Source::Header(names) => names.as_slice(),
                    _ => &[],
                };
                own.iter().chain(inner.iter().flat_map(|part| part.headers(all))).collect()
            }
            Self::Sorted(inner) => inner.iter().flat_map(|part| part.headers(all)).collect(),
            // Only the function of the form knows which headers it reads.
            Self::Canonical(_) => all.keys().collect(),
            _ => Vec::new(),
        }
    }
}

impl Description {
    /// Whether the signed time tells events apart, or cannot be separated from what does.
    fn time_tells_apart(&self) -> bool {
        self.ambiguous.is_some() || self.told_apart_by == Some(ToldApartBy::SignedTime)
    }

    /// Whether the body alone is signed, as it arrives, and the [key](ReplayKey) is made of nothing else.
    pub(crate) fn replay_key_is_of_body(&self) -> bool {
        let has_event_id = self.event_id.as_ref().is_some_and(Field::is_covered);
        // A delivery id would be a part besides the body.
        self.signature.parts == [Part::Body]
            && self.signature.optional_end.is_empty()
            && self.timestamp.is_none()
            && self.told_apart_by.is_none()
            && !has_event_id
    }

    /// Whether the event's id, its type or the delivery's id is in this header.
    pub(crate) fn event_is_told_by(&self, name: &HeaderName) -> bool {
        let fields = [&self.event_id, &self.event_type].into_iter().flatten().filter_map(Field::place);
        fields.chain(&self.delivery_id).any(|source| matches!(source, Source::Header(names) if names.contains(name)))
    }

    /// Whether the event's id is the same as the delivery's.
    pub(crate) fn event_is_delivery(&self) -> bool {
        self.event_id.as_ref().is_some_and(|field| field.source == FieldSource::DeliveryId)
    }
}
