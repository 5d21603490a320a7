//! `Description`: the rules of a scheme, for reading.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};

use super::{
    Addresses, Algorithm, Answers, Check, Checked, Field, FormRule, Guard, HandshakeRule, HttpSignatureRule, JwtRule,
    KeySource, SecretRule, Signature, Source, TimestampRule, ToldApartBy, UrlRule,
};
use crate::{timestamp::Tolerance, verifier::Verifier};

/// The rules of a [`Scheme`](super::Scheme), read-only.
#[derive(Clone, Debug)]
pub struct Description {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) category: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) checked: Option<Checked>,
    pub(crate) notes: Option<String>,
    pub(crate) methods: Vec<Method>,
    pub(crate) secret: SecretRule,
    pub(crate) signature: Signature,
    pub(crate) timestamp: Option<TimestampRule>,
    pub(crate) delivery_id: Option<Source>,
    pub(crate) checks: Vec<Check>,
    pub(crate) url: UrlRule,
    pub(crate) form: FormRule,
    pub(crate) event_id: Option<Field>,
    pub(crate) event_type: Option<Field>,
    pub(crate) told_apart_by: Option<ToldApartBy>,
    pub(crate) answers: Answers,
    pub(crate) settings: BTreeMap<String, String>,
    /// The settings that verification needs. The others are only for handshakes.
    pub(crate) required_settings: Vec<String>,
    pub(crate) jwt: JwtRule,
    pub(crate) http: HttpSignatureRule,
    pub(crate) decoded: bool,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) handshakes: Vec<HandshakeRule>,
    pub(crate) keys: Option<KeySource>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) ambiguous: Option<String>,
    pub(crate) covers_body: bool,
}

impl Description {
    /// Returns the name of the provider in configuration and logs, such as `stripe`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the provider's own name, such as `Stripe`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns other ids under which the catalogue finds the provider.
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// Returns the kind of the product, such as `payments`.
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// Returns the page or code where the scheme was read.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Returns how the description was checked.
    pub fn checked(&self) -> Option<Checked> {
        self.checked
    }

    /// Returns notes for the person who sets up an endpoint.
    pub fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// Returns the algorithm by its name in scheme files, such as `hmac-sha256`. If the request names one of several,
    /// the names are joined with ` or `.
    pub fn algorithm(&self) -> String {
        self.signature.algorithm.to_string()
    }

    /// Returns the algorithms by their names in scheme files. There are several if the request names one of them.
    pub fn algorithms(&self) -> Vec<String> {
        match &self.signature.algorithm {
            Algorithm::PublicKey(choice) => choice.algorithms().map(|algorithm| algorithm.name().to_owned()).collect(),
            algorithm => vec![algorithm.to_string()],
        }
    }

    /// Returns the place of the signature, such as ``header `stripe-signature` ``.
    pub fn signature_source(&self) -> String {
        self.signature.source.to_string()
    }

    /// Returns the header that carries the signature, by the first of its names. `None` if the signature is elsewhere.
    pub fn signature_header(&self) -> Option<&HeaderName> {
        self.signature.source.first_header()
    }

    /// Returns the signed content, as the scheme file writes it. `None` for tokens and passwords, which sign nothing.
    pub fn signed_content(&self) -> Option<&str> {
        self.signature.signs.as_deref()
    }

    /// Returns the values that the receiver can configure in addition to the secret: their names and descriptions.
    ///
    /// If a required one is missing, the error of [`VerifierBuilder::build`](crate::VerifierBuilder::build) names it.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, what)| (name.as_str(), what.as_str()))
    }

    /// Returns the settings that limit deliveries to one customer of the provider: their names and descriptions.
    ///
    /// They matter if the provider signs for all its customers with published keys. Without such a setting, anybody
    /// with an account there can send deliveries. Given a verifier, only the settings that it lacks are returned.
    ///
    /// ```
    /// # #[cfg(feature = "rsa")] {
    /// let scheme = countersign::providers::AWS_SNS.scheme()?;
    /// assert_eq!(scheme.settings_against_strangers(None).map(|(name, _)| name).collect::<Vec<_>>(), ["topic_arn"]);
    /// # }
    /// # Ok::<(), countersign::SchemeError>(())
    /// ```
    pub fn settings_against_strangers(&self, of: Option<&Verifier>) -> impl Iterator<Item = (&str, &str)> {
        let is_lacking = move |name: &str| of.is_none_or(|verifier| !verifier.settings().contains_key(name));
        let narrows = |name: &str| self.checks.iter().any(|check| check.if_set.as_deref() == Some(name));
        self.settings().filter(move |(name, _)| self.keys.is_some() && narrows(name) && is_lacking(name))
    }

    /// Returns the addresses from which the provider sends, if it publishes them.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// Whether the provider has handshakes: questions to the endpoint, which a verifier answers.
    pub fn has_handshakes(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Whether the provider sends the secret in a handshake, so that an endpoint starts without one. See
    /// [`VerifierBuilder::awaiting_secret`](crate::VerifierBuilder::awaiting_secret).
    pub fn sends_secret(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.stores.is_some())
    }

    /// Returns where the provider publishes its public keys, if an endpoint can fetch them.
    pub fn key_source(&self) -> Option<&KeySource> {
        self.keys.as_ref()
    }

    /// Whether the provider has a handshake with a URL that must be fetched to confirm a subscription.
    pub fn asks_to_confirm(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.confirm.is_some())
    }

    /// Whether the signature covers the body after its `Content-Encoding` is decoded.
    pub fn signs_decoded_body(&self) -> bool {
        self.decoded
    }

    /// Whether the signature covers the whole body: its bytes, or the names and values of all its form parameters
    /// except those that the scheme leaves out (`exclude` and `skip_empty` under `[form]`).
    pub fn covers_body(&self) -> bool {
        self.covers_body
    }

    /// Whether the scheme reads a value of the body as JSON, so that deliveries are JSON whatever their content type
    /// is.
    pub fn reads_json(&self) -> bool {
        let fields = [&self.event_id, &self.event_type].into_iter().flatten().filter_map(Field::place);
        let time = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        let mut places = fields.chain(time).chain(&self.delivery_id).chain([&self.signature.source]);
        places.any(|place| matches!(place, Source::Json(_)))
    }

    /// Returns what tells events without a covered id apart. `None` means the signed content.
    pub fn told_apart_by(&self) -> Option<ToldApartBy> {
        self.told_apart_by
    }

    /// Returns why an ambiguity of the signed parts is acceptable. `None` if there is none.
    pub fn ambiguity(&self) -> Option<&str> {
        self.ambiguous.as_deref()
    }

    /// Returns how far the signed timestamp may differ from the clock. `None` if the scheme signs no time, so that its
    /// deliveries never go stale.
    pub fn tolerance(&self) -> Option<Tolerance> {
        let issued = || self.jwt.max_age.map(|age| Tolerance::new(age, self.jwt.ahead()));
        let created = || self.http.max_age.map(|age| Tolerance::new(age, self.http.leeway));
        self.timestamp.as_ref().map(|rule| rule.tolerance).or_else(issued).or_else(created)
    }

    /// Returns the place of the event's id.
    pub fn event_id(&self) -> Option<&Field> {
        self.event_id.as_ref()
    }

    /// Returns the place of the event's type.
    pub fn event_type(&self) -> Option<&Field> {
        self.event_type.as_ref()
    }

    /// Returns which answers the provider expects.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Returns the request methods of deliveries.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Returns the request methods as the header `Allow` of a 405 (RFC 9110 section 10.2.1).
    pub fn allow_header(&self) -> Option<HeaderValue> {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).ok()
    }
}
