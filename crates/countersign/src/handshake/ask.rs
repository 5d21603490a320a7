//! Finds out whether a request asks a question of a handshake, and writes the answer.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use zeroize::Zeroizing;

use super::{Handshake, HandshakeAnswer, MAX_QUESTION, SecretToStore, UrlToConfirm};
use crate::{
    algorithm::{Digest, Mac},
    content::{Content, Writing, malformed_value},
    head::{Head, look_up, parameter},
    key::Material,
    rejection::{Problem, Rejection},
    scheme::{AnswerPart, ConfirmRule, HandshakeRule, Item, Source, UrlForm, is_plain_https},
    secret::Secret,
    timestamp::Timestamp,
    verifier::Verifier,
};

type Result<T> = std::result::Result<T, Rejection>;

/// A request that may be a question.
pub(crate) struct Asked<'a> {
    verifier: &'a Verifier,
    head: Head<'a>,
    /// The whole body, if it has arrived.
    body: Option<&'a [u8]>,
    /// The key for an HMAC in the answer; `None` if no key is valid.
    key: Option<usize>,
}

/// Whether a rule applies to this request, judged by its head and, if it has arrived, its body.
pub(super) fn fits(verifier: &Verifier, rule: &HandshakeRule, head: Head<'_>, body: Option<&[u8]>) -> bool {
    if rule.method != *head.method || (rule.stores.is_some() && !verifier.awaits_secret()) {
        return false;
    }
    if !rule.is_in_head() && body.is_some_and(|body| body.len() as u64 > MAX_QUESTION) {
        return false;
    }
    rule.when.iter().filter(|when| body.is_some() || !when.source.is_in_body()).all(|when| {
        // A value that can be read in two ways makes no question.
        match (look_up(&when.source, head, body), &when.equals) {
            (Ok(Some(value)), Some(wanted)) => *value == *wanted.as_bytes(),
            (Ok(Some(value)), None) => !value.is_empty(),
            _ => false,
        }
    })
}

impl<'a> Asked<'a> {
    /// A request that is not verified. An HMAC in the answer is made under the first key that is valid now.
    pub(crate) fn unsigned(verifier: &'a Verifier, head: Head<'a>, body: Option<&'a [u8]>, now: Timestamp) -> Self {
        let key = verifier.valid_keys(now).next().map(|(at, _)| at);
        Self { verifier, head, body, key }
    }

    /// A request that was verified under this key.
    pub(crate) fn verified(verifier: &'a Verifier, head: Head<'a>, body: &'a [u8], key: usize) -> Self {
        Self { verifier, head, body: Some(body), key: Some(key) }
    }

    /// The answer by the first rule that applies to this request, among those that `applies` selects.
    pub(crate) fn answer(&self, applies: impl Fn(&HandshakeRule) -> bool) -> Result<Option<Handshake>> {
        let mut rules = self.verifier.scheme().handshakes.iter();
        let rule = rules.find(|rule| applies(rule) && fits(self.verifier, rule, self.head, self.body));
        rule.map(|rule| self.answer_by(rule)).transpose()
    }

    fn answer_by(&self, rule: &HandshakeRule) -> Result<Handshake> {
        self.check_token(rule)?;
        let body = self.text(rule, &rule.answer)?;
        let mut headers = HeaderMap::new();
        if rule.method == Method::OPTIONS
            && let Some(methods) = self.verifier.scheme().allow_header()
        {
            headers.insert(header::ALLOW, methods);
        }
        for (name, parts) in &rule.headers {
            headers.insert(name, header_value(name, &self.text(rule, parts)?)?);
        }
        let answer = HandshakeAnswer::new(rule.status, headers, rule.media.content_type(), body);
        Ok(match (&rule.stores, &rule.confirm) {
            (Some(source), _) => Handshake::Store(SecretToStore { secret: self.secret(source, rule)?, answer }),
            (None, Some(confirm)) => Handshake::Confirm(UrlToConfirm { url: self.url_to_confirm(confirm)?, answer }),
            (None, None) => Handshake::Answer(answer),
        })
    }

    fn check_token(&self, rule: &HandshakeRule) -> Result<()> {
        let Some(token) = &rule.token else { return Ok(()) };
        let wrong = || Rejection::UnexpectedValue { place: Arc::from(token.source.to_string()) };
        let wanted = self.setting(&token.setting)?;
        let told = look_up(&token.source, self.head, self.body).ok().flatten().ok_or_else(wrong)?;
        // All digests have the same length, whatever is sent.
        let equal = Digest::Sha256.of(&told).equals(&Digest::Sha256.of(wanted.as_bytes()));
        if bool::from(equal) { Ok(()) } else { Err(wrong()) }
    }

    fn text(&self, rule: &HandshakeRule, parts: &[AnswerPart]) -> Result<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                AnswerPart::Literal(literal) => text.push_str(literal),
                AnswerPart::Item(item) => text.push_str(&self.item(rule, item)?),
                AnswerPart::JsonString(item) => text.push_str(&json_string(&self.item(rule, item)?)),
                AnswerPart::Hmac(digest, encoding, items) => {
                    let mut mac = self.keyed(*digest)?;
                    text.push_str(&encoding.encode(self.hash(&mut mac, rule, items)?.as_bytes()));
                }
                AnswerPart::Hash(digest, encoding, items) => {
                    let mut hash = digest.start();
                    text.push_str(&encoding.encode(self.hash(&mut hash, rule, items)?.as_bytes()));
                }
            }
        }
        Ok(text)
    }

    fn hash(&self, hash: &mut Mac, rule: &HandshakeRule, items: &[Item]) -> Result<crate::algorithm::Tag> {
        for item in items {
            hash.update(self.item(rule, item)?.as_bytes());
        }
        Ok(hash.finish())
    }

    fn keyed(&self, digest: Digest) -> Result<Mac> {
        match self.key.map(|key| &self.verifier.key(key).material) {
            Some(Material::Keyed(mac) | Material::Signed(mac, _)) if mac.is_hmac(digest) => Ok(mac.clone()),
            _ => Err(Rejection::UnknownKey),
        }
    }

    fn item(&self, rule: &HandshakeRule, item: &Item) -> Result<String> {
        match item {
            Item::Value(source) => self.value(source, rule),
            Item::Setting(name) => self.setting(name).map(str::to_owned),
            Item::Url => self.url(),
        }
    }

    fn setting(&self, name: &str) -> Result<&str> {
        let value = self.verifier.settings().get(name).map(|value| value.as_str());
        let missing = || Rejection::HandshakeNotConfigured { missing: format!("the setting `{name}`").into() };
        value.ok_or_else(missing)
    }

    /// A value of the question: text without control characters, with a limited length.
    fn value(&self, source: &Source, rule: &HandshakeRule) -> Result<String> {
        let malformed = |problem| malformed_value(source.to_string(), problem);
        let value = look_up(source, self.head, self.body).map_err(|unusable| malformed(unusable.into()))?;
        let value = value.ok_or_else(|| malformed(Problem::Missing))?;
        if value.is_empty() {
            return Err(malformed(Problem::Empty));
        }
        if value.len() > rule.max {
            return Err(malformed(Problem::TooLong));
        }
        let text = String::from_utf8(value.into_owned()).map_err(|_| malformed(Problem::Encoding))?;
        let is_allowed = rule.only.is_none_or(|only| only.allows(text.as_bytes()));
        if text.chars().any(char::is_control) || !is_allowed {
            return Err(malformed(Problem::Layout));
        }
        Ok(text)
    }

    fn url(&self) -> Result<String> {
        let missing = || Rejection::HandshakeNotConfigured { missing: "the public URL".into() };
        let url = self.verifier.public_url().ok_or_else(missing)?;
        let mut text = Vec::new();
        url.write_base(self.head.uri, UrlForm::AsIs, &self.verifier.scheme().url, &mut |piece| {
            text.extend_from_slice(piece);
        });
        String::from_utf8(text).map_err(|_| malformed_value("the URL".to_owned(), Problem::Encoding))
    }

    /// The secret that is sent, if the scheme can use it.
    fn secret(&self, source: &Source, rule: &HandshakeRule) -> Result<Zeroizing<String>> {
        let text = Zeroizing::new(self.value(source, rule)?);
        let key = |secret: Secret| self.verifier.scheme().secret.key(secret.expose()).map(drop);
        if Secret::new(text.as_str()).and_then(key).is_err() {
            return Err(malformed_value(source.to_string(), Problem::Layout));
        }
        Ok(text)
    }

    fn url_to_confirm(&self, rule: &ConfirmRule) -> Result<String> {
        let place = || rule.source.to_string();
        let value = look_up(&rule.source, self.head, self.body).ok().flatten();
        let value = value.ok_or_else(|| malformed_value(place(), Problem::Missing))?;
        let text = String::from_utf8(value.into_owned()).ok().filter(|text| is_allowed(text, rule));
        text.ok_or_else(|| Rejection::UnexpectedValue { place: place().into() })
    }
}

/// Whether a URL is unambiguous, and has the form that the rule demands.
fn is_allowed(url: &str, rule: &ConfirmRule) -> bool {
    let Some(rest) = url.strip_prefix("https://").filter(|_| is_plain_https(url)) else { return false };
    let (host, behind) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    let has = |(name, value): (&String, &String)| {
        parameter(name, query.as_bytes()).is_ok_and(|found| found.as_deref() == Some(value.as_bytes()))
    };
    rule.hosts.iter().any(|pattern| pattern.fits(host)) && rule.path.fits(path) && rule.parameters.iter().all(has)
}

/// A header value without characters that could end the line early.
fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue> {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let value = HeaderValue::from_str(text).ok().filter(|_| is_visible);
    value.ok_or_else(|| malformed_value(format!("the answer's header `{name}`"), Problem::Encoding))
}

/// A JSON string (RFC 8259 section 7). `<`, `>` and `&` are escaped as well, for readers that treat everything as HTML.
fn json_string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

impl Verifier {
    /// Refuses content that anybody could have had signed by asking for it in a handshake.
    pub(crate) fn refuse_answers(&self, content: &Content<'_>, body: &[u8]) -> Result<()> {
        let scheme = self.scheme();
        for rule in scheme.handshakes.iter().filter(|rule| rule.signs_for_anybody()) {
            for form in self.url_forms() {
                // Only as much of the content as a question can have is kept: longer content is no question.
                let (mut start, mut length) = (Vec::new(), 0_usize);
                let with = Writing { form: *form, secret: &[], body: Some(body) };
                content.write(&scheme.signature.parts, with, &mut |piece| {
                    length = length.saturating_add(piece.len());
                    if length <= rule.max {
                        start.extend_from_slice(piece);
                    }
                })?;
                let is_allowed = || rule.only.is_none_or(|only| only.allows(&start));
                if (1..=rule.max).contains(&length) && is_allowed() {
                    return Err(Rejection::AmbiguousContent {
                        rule: "the signed content could be the question of a handshake, and anybody can have that signed",
                    });
                }
            }
        }
        Ok(())
    }
}
