//! `HandshakeRule`: a one-off question of a provider, and its answer.

use std::{collections::BTreeMap, fmt};

use http::{HeaderName, Method, StatusCode};

use super::{Pattern, Source};
use crate::{algorithm::Digest, encoding::Encoding};

/// One question, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeRule {
    pub(crate) method: Method,
    /// What tells the question from a delivery; all of it must hold.
    pub(crate) when: Vec<When>,
    /// Whether the question is verified like a delivery. If not, anybody can ask it.
    pub(crate) signed: bool,
    pub(crate) token: Option<TokenRule>,
    pub(crate) status: StatusCode,
    pub(crate) media: Media,
    pub(crate) answer: Vec<AnswerPart>,
    pub(crate) headers: Vec<(HeaderName, Vec<AnswerPart>)>,
    pub(crate) only: Option<Only>,
    /// The longest value that goes from the question into the answer, in bytes.
    pub(crate) max: usize,
    pub(crate) stores: Option<Source>,
    pub(crate) confirm: Option<ConfirmRule>,
}

impl HandshakeRule {
    /// Whether the head alone is enough to recognise and answer the question.
    pub(crate) fn is_in_head(&self) -> bool {
        !self.sources().any(Source::is_in_body)
    }

    /// Whether anybody can get a value of their choice signed with the endpoint's key.
    pub(crate) fn signs_for_anybody(&self) -> bool {
        !self.signed && self.parts().any(|part| matches!(part, AnswerPart::Hmac(..)))
    }

    /// Every place that is read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        let when = self.when.iter().map(|when| &when.source);
        let confirm = self.confirm.as_ref().map(|confirm| &confirm.source);
        let token = self.token.as_ref().map(|token| &token.source);
        when.chain(token).chain(&self.stores).chain(confirm).chain(self.values())
    }

    /// The places whose values go into the answer.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Source> {
        self.parts().flat_map(AnswerPart::items).filter_map(|item| match item {
            Item::Value(source) => Some(source),
            _ => None,
        })
    }

    /// The parts of the answer, in its body and its headers.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &AnswerPart> {
        self.answer.iter().chain(self.headers.iter().flat_map(|(_, parts)| parts))
    }
}

/// A value that the request must have, and optionally which.
#[derive(Clone, Debug)]
pub(crate) struct When {
    pub(crate) source: Source,
    pub(crate) equals: Option<String>,
}

/// A value that must equal a setting.
#[derive(Clone, Debug)]
pub(crate) struct TokenRule {
    pub(crate) source: Source,
    pub(crate) setting: String,
}

/// A URL that must be fetched, and the rule that it must match.
#[derive(Clone, Debug)]
pub(crate) struct ConfirmRule {
    pub(crate) source: Source,
    pub(crate) hosts: Vec<Pattern>,
    pub(crate) path: Pattern,
    /// The parameters that it must have, and their values. It may have others.
    pub(crate) parameters: BTreeMap<String, String>,
}

impl fmt::Display for ConfirmRule {
    /// The URLs that may be fetched.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, host) in self.hosts.iter().enumerate() {
            write!(f, "{}`https://{host}{}", if at == 0 { "" } else { " or " }, self.path)?;
            for (at, (name, value)) in self.parameters.iter().enumerate() {
                write!(f, "{}{name}={value}", if at == 0 { "?" } else { "&" })?;
            }
            f.write_str("`")?;
        }
        Ok(())
    }
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnswerPart {
    Literal(String),
    Item(Item),
    /// The item as a JSON string, with its quotation marks.
    JsonString(Item),
    /// An HMAC of the concatenated items, with the key of the endpoint.
    Hmac(Digest, Encoding, Vec<Item>),
    /// A hash of the concatenated items.
    Hash(Digest, Encoding, Vec<Item>),
}

impl AnswerPart {
    pub(crate) fn items(&self) -> &[Item] {
        match self {
            Self::Literal(_) => &[],
            Self::Item(item) | Self::JsonString(item) => std::slice::from_ref(item),
            Self::Hmac(_, _, items) | Self::Hash(_, _, items) => items,
        }
    }
}

/// A value in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Value(Source),
    Setting(String),
    /// The public URL without its query.
    Url,
}

impl Item {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("unknown value `{text}`; expected a place, `setting:NAME` or `url`");
        let Some((name, argument)) = text.split_once(':') else {
            return if text == "url" { Ok(Self::Url) } else { Err(unknown()) };
        };
        match name {
            "setting" if !argument.is_empty() => Ok(Self::Setting(argument.to_owned())),
            "claim" => Err("a question has no claims".to_owned()),
            _ => Source::from_placeholder(name, argument).unwrap_or_else(|| Err(unknown())).map(Self::Value),
        }
    }

    pub(super) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(Self::parse).collect()
    }
}

/// The media types that a browser does not show as a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Text,
    Json,
}

impl Media {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "text/plain" => Some(Self::Text),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// The characters that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Digits,
    Hex,
    Word,
    Base64,
}

impl Only {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Digits, Self::Hex, Self::Word, Self::Base64].into_iter().find(|only| only.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Hex => "hex",
            Self::Word => "word",
            Self::Base64 => "base64",
        }
    }

    /// Whether `text` has no other characters.
    pub(crate) fn allows(self, text: &[u8]) -> bool {
        let text = match self {
            // Padding is only allowed at the end: elsewhere, `=` could separate a name from its value.
            Self::Base64 => text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text),
            _ => text,
        };
        text.iter().all(|byte| match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Word => byte.is_ascii_alphanumeric() || b"-_".contains(byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"-_+/".contains(byte),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_only_allowed_at_the_end() {
        assert!(Only::Base64.allows(b"MjIyZTk0+/-_") && Only::Base64.allows(b"MQ==") && Only::Base64.allows(b"MTE="));
        assert!(!Only::Base64.allows(b"a=b") && !Only::Base64.allows(b"a===") && !Only::Base64.allows(b"{\"a\":1}"));
        assert!(Only::Hex.allows(b"09afAF") && !Only::Hex.allows(b"0x") && !Only::Word.allows(b"a.b"));
    }
}
