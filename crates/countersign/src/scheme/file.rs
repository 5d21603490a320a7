//! The scheme file as `serde` reads it; [`super::read`] holds it against the rules.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{Checked, UrlForm};
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
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestTable {
    pub(super) methods: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    pub(super) strip: Option<String>,
    pub(super) prefix_required: Option<Spanned<bool>>,
    pub(super) encoding: Option<Spanned<String>>,
    pub(super) hash: Option<Spanned<String>>,
    pub(super) prepend: Option<Spanned<String>>,
    pub(super) append: Option<Spanned<String>>,
}

/// Where a value stands in the request: exactly one of these.
#[derive(Deserialize, Default)]
pub(super) struct Place {
    pub(super) header: Option<OneOrMore>,
    pub(super) query: Option<String>,
    pub(super) json: Option<String>,
    pub(super) form: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

// `flatten` and `deny_unknown_fields` do not go together, so the tables repeat the fields of `Place`.
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
            $($(#[$field_meta])* pub(super) $field: $type,)*
        }

        impl $name {
            pub(super) fn place(&mut self) -> Place {
                Place {
                    header: self.header.take(),
                    query: self.query.take(),
                    json: self.json.take(),
                    form: self.form.take(),
                }
            }
        }
    };
}

with_place! {
    struct SignatureTable {
        algorithm: Spanned<String>,
        value: Option<Spanned<String>>,
        list: Option<Spanned<ListTable>>,
        signs: Option<Spanned<String>>,
        covers_body: Option<Spanned<bool>>,
        ambiguous: Option<Spanned<String>>,
    }
}

with_place! {
    struct TimestampTable {
        format: TimestampFormat,
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
        equals: Spanned<String>,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTable {
    pub(super) separator: Spanned<String>,
    #[serde(default)]
    pub(super) trim: bool,
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
pub(super) struct FormTable {
    #[serde(default)]
    pub(super) between: String,
    #[serde(default)]
    pub(super) after: String,
    #[serde(default)]
    pub(super) dedupe: bool,
}

impl UrlTable {
    /// Whether characters that part a query into parameters are decoded before it is signed.
    pub(super) fn moves_query(&self) -> bool {
        self.decode.as_ref().is_some_and(|decode| decode.get_ref().contains(['?', '&', '=', '+', '#', ';']))
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTable {
    pub(super) id: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswersTable {
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) within: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) retries_for: Option<Duration>,
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
