//! The tables of a scheme file for `serde`. [`super::read`] checks them against the rules.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{Checked, ToldApartBy, UrlForm};
use crate::timestamp::TimestampFormat;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) category: Option<String>,
    pub(super) source: Option<String>,
    pub(super) checked: Option<Checked>,
    pub(super) notes: Option<String>,
    #[serde(default)]
    pub(super) request: RequestTable,
    #[serde(default)]
    pub(super) secret: SecretTable,
    pub(super) signature: Spanned<SignatureTable>,
    pub(super) timestamp: Option<Spanned<TimestampTable>>,
    pub(super) id: Option<Spanned<FieldTable>>,
    #[serde(default)]
    pub(super) check: Vec<Spanned<CheckTable>>,
    #[serde(default)]
    pub(super) url: UrlTable,
    pub(super) form: Option<Spanned<FormTable>>,
    #[serde(default)]
    pub(super) event: EventTable,
    #[serde(default)]
    pub(super) answers: AnswersTable,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    pub(super) jwt: Option<Spanned<JwtTable>>,
    #[serde(rename = "http-signature")]
    pub(super) http_signature: Option<Spanned<HttpSignatureTable>>,
    #[serde(default)]
    pub(super) body: BodyTable,
    pub(super) addresses: Option<Spanned<AddressesTable>>,
    #[serde(default)]
    pub(super) handshake: Vec<Spanned<HandshakeTable>>,
    pub(super) keys: Option<Spanned<KeysTable>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestTable {
    pub(super) methods: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    pub(super) verbatim: Option<Spanned<String>>,
    pub(super) begins: Option<Spanned<String>>,
    pub(super) strip: Option<String>,
    pub(super) prefix_required: Option<Spanned<bool>>,
    pub(super) encoding: Option<Spanned<String>>,
    pub(super) bytes: Option<Spanned<usize>>,
    pub(super) hash: Option<Spanned<String>>,
    pub(super) prepend: Option<Spanned<String>>,
    pub(super) append: Option<Spanned<String>>,
    pub(super) api_key: Option<bool>,
}

/// The place of a value in the request: exactly one of these.
#[derive(Deserialize, Default)]
pub(super) struct Place {
    pub(super) header: Option<OneOrMore>,
    pub(super) query: Option<String>,
    pub(super) json: Option<String>,
    pub(super) form: Option<String>,
    pub(super) claim: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::More(texts) => texts,
        }
    }
}

/// The signed content: one template, or several, some of which depend on the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Signs {
    One(String),
    More(Vec<Signed>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Signed {
    Always(String),
    When(SignedWhen),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedWhen {
    text: String,
    when: String,
}

impl Signs {
    /// The templates in order, each with the place that it depends on.
    pub(super) fn templates(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let (one, more) = match self {
            Self::One(text) => (Some((text.as_str(), None)), [].as_slice()),
            Self::More(list) => (None, list.as_slice()),
        };
        let more = more.iter().map(|signed| match signed {
            Signed::Always(text) => (text.as_str(), None),
            Signed::When(signed) => (signed.text.as_str(), Some(signed.when.as_str())),
        });
        one.into_iter().chain(more)
    }
}

impl fmt::Display for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.templates().try_for_each(|(text, when)| match when {
            None => f.write_str(text),
            Some(when) => write!(f, "[if {when}: {text}]"),
        })
    }
}

// serde cannot combine `flatten` and `deny_unknown_fields`, so the tables repeat the fields of `Place`.
macro_rules! with_place {
    ($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            header: Option<OneOrMore>,
            query: Option<String>,
            json: Option<String>,
            form: Option<String>,
            claim: Option<String>,
            $($(#[$field_meta])* pub(super) $field: $type,)*
        }

        impl $name {
            pub(super) fn place(&mut self) -> Place {
                Place {
                    header: self.header.take(),
                    query: self.query.take(),
                    json: self.json.take(),
                    form: self.form.take(),
                    claim: self.claim.take(),
                }
            }
        }
    };
}

with_place! {
    struct SignatureTable {
        algorithm: Spanned<AlgorithmName>,
        #[serde(default)] body: Option<Spanned<bool>>,
        #[serde(default)] every: Option<Spanned<bool>>,
        unwrap: Option<Spanned<UnwrapTable>>,
        value: Option<Spanned<String>>,
        list: Option<Spanned<ListTable>>,
        fields: Option<Spanned<FieldsTable>>,
        signs: Option<Spanned<Signs>>,
        prehash: Option<Spanned<String>>,
        key_name: Option<Spanned<String>>,
        optional_end: Option<Spanned<String>>,
        covers_body: Option<Spanned<bool>>,
        ambiguous: Option<Spanned<String>>,
    }
}

with_place! {
    struct TimestampTable {
        format: TimestampFormat,
        #[serde(default)] string: bool,
        #[serde(deserialize_with = "duration")]
        tolerance: Duration,
        #[serde(default, deserialize_with = "optional_duration")]
        future: Option<Duration>,
    }
}

with_place! {
    struct FieldTable {}
}

with_place! {
    struct CheckTable {
        equals: Spanned<OneOrMore>,
        #[serde(default)] optional: bool,
        #[serde(default)] unless_empty: bool,
        #[serde(default)] names_key: bool,
        if_set: Option<Spanned<String>>,
    }
}

/// One algorithm, or several, of which the request names one at a place.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum AlgorithmName {
    One(String),
    Named(NamedAlgorithms),
}

with_place! {
    struct NamedAlgorithms {
        choices: BTreeMap<String, String>,
    }
}

/// How the text at the signature's place is unwrapped before its layout is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnwrapTable {
    pub(super) encoding: Option<Spanned<String>>,
    pub(super) json: Option<String>,
}

/// Items that are known by their position.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsTable {
    pub(super) separator: Spanned<String>,
    pub(super) items: Vec<Spanned<String>>,
    pub(super) rest: Option<Spanned<String>>,
}

/// What a JSON Web Token must contain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtTable {
    pub(super) algorithms: Vec<Spanned<String>>,
    pub(super) issuer: Option<Spanned<OneOrMore>>,
    pub(super) audience: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) requires: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) leeway: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) max_age: Option<Duration>,
    pub(super) b64_without_crit: Option<Spanned<bool>>,
}

/// What an HTTP Message Signature must cover and contain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSignatureTable {
    pub(super) algorithms: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) components: Vec<Spanned<String>>,
    pub(super) label: Option<String>,
    pub(super) key_id: Option<Spanned<String>>,
    pub(super) tag: Option<String>,
    #[serde(default)]
    pub(super) requires: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) leeway: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) max_age: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyTable {
    pub(super) decoded: Option<Spanned<String>>,
}

/// The addresses from which a provider sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressesTable {
    #[serde(default)]
    pub(super) ranges: Vec<Spanned<String>>,
    pub(super) source: Option<String>,
    pub(super) read: Option<Spanned<toml::value::Datetime>>,
    pub(super) list: Option<String>,
    pub(super) json: Option<Spanned<OneOrMore>>,
}

/// A question that the provider asks, and its answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeTable {
    pub(super) method: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "one_or_several")]
    pub(super) when: Vec<Spanned<WhenTable>>,
    pub(super) signed: Option<bool>,
    pub(super) token: Option<Spanned<TokenTable>>,
    pub(super) status: Option<Spanned<u16>>,
    #[serde(rename = "type")]
    pub(super) media: Option<Spanned<String>>,
    pub(super) answer: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Spanned<String>>,
    pub(super) only: Option<Spanned<String>>,
    pub(super) max: Option<Spanned<usize>>,
    pub(super) stores: Option<Spanned<FieldTable>>,
    pub(super) confirm: Option<Spanned<ConfirmTable>>,
}

with_place! {
    struct WhenTable {
        equals: Option<String>,
    }
}

with_place! {
    struct TokenTable {
        setting: Option<String>,
    }
}

with_place! {
    struct ConfirmTable {
        hosts: Vec<Spanned<String>>,
        path: Option<Spanned<String>>,
        #[serde(default)]
        parameters: BTreeMap<String, String>,
    }
}

/// Where the provider publishes its keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysTable {
    pub(super) format: Spanned<String>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) url_at: Option<Spanned<FieldTable>>,
    #[serde(default)]
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) id: Option<Spanned<FieldTable>>,
    pub(super) json: Option<Spanned<String>>,
    pub(super) issued_to: Option<Spanned<String>>,
    pub(super) bearer: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTable {
    pub(super) separator: Spanned<String>,
    #[serde(default)]
    pub(super) trim: bool,
    pub(super) item_end: Option<Spanned<String>>,
    pub(super) items: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlTable {
    pub(super) forms: Option<Spanned<Vec<UrlForm>>>,
    pub(super) decode: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a file, each of its own")]
pub(super) struct FormTable {
    #[serde(default)]
    pub(super) between: String,
    #[serde(default)]
    pub(super) after: String,
    #[serde(default)]
    pub(super) dedupe: bool,
    #[serde(default)]
    pub(super) join: String,
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    #[serde(default)]
    pub(super) skip_empty: bool,
    #[serde(default)]
    pub(super) values_only: bool,
    #[serde(default)]
    pub(super) encode: bool,
}

impl UrlTable {
    /// Whether characters that separate the parameters of a query are decoded before it is signed.
    pub(super) fn decodes_query(&self) -> bool {
        self.decode.as_ref().is_some_and(|decode| decode.get_ref().contains(['?', '&', '=', '+', '#', ';']))
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTable {
    pub(super) id: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Spanned<String>>,
    pub(super) told_apart_by: Option<Spanned<ToldApartBy>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswersTable {
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) within: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) retries_for: Option<Duration>,
    pub(super) success: Option<Spanned<OneOrMore>>,
    pub(super) body: Option<String>,
    pub(super) refusal: Option<Spanned<u16>>,
    pub(super) in_progress: Option<Spanned<u16>>,
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;

    impl de::Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"300s\", \"5m\" or \"3d\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            humantime::parse_duration(text).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(Text)
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// One table or a list of them. Unlike an untagged enum, it reports the error inside a table.
fn one_or_several<'de, D, T>(deserializer: D) -> Result<Vec<Spanned<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Spanned::<toml::Value>::deserialize(deserializer)?;
    let span = value.span();
    let values = match value.into_inner() {
        toml::Value::Array(values) => values,
        value => vec![value],
    };
    let read = |value: toml::Value| {
        let table = T::deserialize(value).map_err(|error: toml::de::Error| de::Error::custom(error.message()))?;
        Ok(Spanned::new(span.clone(), table))
    };
    values.into_iter().map(read).collect()
}
