//! What a scheme says, as it can be read.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};

use super::{
    Addresses, Algorithm, Answers, Check, Checked, Field, FormRule, Guard, HandshakeRule, HttpSignatureRule, JwtRule,
    KeySource, SecretRule, Signature, Source, TimestampRule, ToldApartBy, UrlRule,
};
use crate::{timestamp::Tolerance, verifier::Verifier};

/// What a [`Scheme`](super::Scheme) says. All of it can be read, none of it changed.
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
    /// The settings without which nothing can be verified; others serve handshakes alone.
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
    /// The name by which configuration and logs call the provider, such as `stripe`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider's own name, such as `Stripe`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Other ids under which the catalogue knows the provider.
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// What kind of product it is, such as `payments`.
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// The page or code where the scheme was read.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// How the description was checked.
    pub fn checked(&self) -> Option<Checked> {
        self.checked
    }

    /// What somebody who sets the provider up should know.
    pub fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// The algorithm, in the words of the scheme file: `hmac-sha256`, `token` …
    pub fn algorithm(&self) -> String {
        self.signature.algorithm.to_string()
    }

    /// The same, one by one, where the request names one of several.
    pub fn algorithms(&self) -> Vec<String> {
        match &self.signature.algorithm {
            Algorithm::PublicKey(choice) => choice.algorithms().map(|algorithm| algorithm.name().to_owned()).collect(),
            algorithm => vec![algorithm.to_string()],
        }
    }

    /// Where the request carries the signature, such as ``header `stripe-signature` ``.
    pub fn signature_source(&self) -> String {
        self.signature.source.to_string()
    }

    /// The header that carries the signature, by the first of its names; `None` if it stands elsewhere.
    pub fn signature_header(&self) -> Option<&HeaderName> {
        self.signature.source.first_header()
    }

    /// What is signed, as the scheme file writes it; `None` for tokens and passwords, which sign nothing.
    pub fn signed_content(&self) -> Option<&str> {
        self.signature.signs.as_deref()
    }

    /// The values that the receiver can configure beside the secret, and what each is.
    ///
    /// [`VerifierBuilder::build`](crate::VerifierBuilder::build) names the one that is missing, if the scheme cannot do
    /// without it.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, what)| (name.as_str(), what.as_str()))
    }

    /// The settings that say whose deliveries are meant, and what each is, where the provider signs those of all its customers with
    /// keys that it publishes: without one, whoever has an account there can send. With a verifier, those that it lacks.
    ///
    /// ```
    /// let scheme = countersign::providers::AWS_SNS.scheme()?;
    /// assert_eq!(scheme.settings_against_strangers(None).map(|(name, _)| name).collect::<Vec<_>>(), ["topic_arn"]);
    /// # Ok::<(), countersign::SchemeError>(())
    /// ```
    pub fn settings_against_strangers(&self, of: Option<&Verifier>) -> impl Iterator<Item = (&str, &str)> {
        let is_lacking = move |name: &str| of.is_none_or(|verifier| !verifier.settings().contains_key(name));
        let narrows = |name: &str| self.checks.iter().any(|check| check.if_set.as_deref() == Some(name));
        self.settings().filter(move |(name, _)| self.keys.is_some() && narrows(name) && is_lacking(name))
    }

    /// The addresses from which the provider sends, where it publishes them.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// Whether the provider asks an endpoint questions of its own, which a verifier answers.
    pub fn has_handshakes(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Whether the provider sends the secret itself, in a handshake: an endpoint begins without one. See
    /// [`VerifierBuilder::awaiting_secret`](crate::VerifierBuilder::awaiting_secret).
    pub fn sends_secret(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.stores.is_some())
    }

    /// Where the provider publishes its public keys, if it does so in a way that an endpoint can fetch them.
    pub fn key_source(&self) -> Option<&KeySource> {
        self.keys.as_ref()
    }

    /// Whether the provider asks for a URL to be fetched that confirms a subscription, in a handshake.
    pub fn asks_to_confirm(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.confirm.is_some())
    }

    /// Whether the signature covers the body as it is after a `Content-Encoding` is undone.
    pub fn signs_decoded_body(&self) -> bool {
        self.decoded
    }

    /// Whether the signature covers the whole body: its bytes, or the names and values of all its form parameters but those that the
    /// scheme leaves out (`exclude` and `skip_empty` under `[form]`).
    pub fn covers_body(&self) -> bool {
        self.covers_body
    }

    /// Whether the scheme reads a value of the body as JSON, so that deliveries are JSON whatever their content type says.
    pub fn reads_json(&self) -> bool {
        let fields = [&self.event_id, &self.event_type].into_iter().flatten().filter_map(Field::place);
        let time = self.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        let mut places = fields.chain(time).chain(&self.delivery_id).chain([&self.signature.source]);
        places.any(|place| matches!(place, Source::Json(_)))
    }

    /// What tells events apart that have no covered id, if the scheme says it; if not, what is signed does.
    pub fn told_apart_by(&self) -> Option<ToldApartBy> {
        self.told_apart_by
    }

    /// Why the signed parts cannot be told apart with certainty, where the provider's scheme is like that.
    pub fn ambiguity(&self) -> Option<&str> {
        self.ambiguous.as_deref()
    }

    /// How far the signed timestamp may lie from the clock; `None` if the scheme signs no time, so that the signature
    /// alone never goes stale.
    pub fn tolerance(&self) -> Option<Tolerance> {
        let issued = || self.jwt.max_age.map(|age| Tolerance::new(age, self.jwt.ahead()));
        let created = || self.http.max_age.map(|age| Tolerance::new(age, self.http.leeway));
        self.timestamp.as_ref().map(|rule| rule.tolerance).or_else(issued).or_else(created)
    }

    /// Where the event's id stands.
    pub fn event_id(&self) -> Option<&Field> {
        self.event_id.as_ref()
    }

    /// Where the event's type stands.
    pub fn event_type(&self) -> Option<&Field> {
        self.event_type.as_ref()
    }

    /// What the provider expects of an answer.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The request methods that the provider uses.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The same for the header `Allow` (RFC 9110 section 10.2.1), which a 405 needs.
    pub fn allow_header(&self) -> Option<HeaderValue> {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).ok()
    }
}
