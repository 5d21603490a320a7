//! Reads `[[handshake]]`, and refuses questions and answers that would be unsafe.

use std::{collections::BTreeMap, ops::Range};

use http::{HeaderName, Method, StatusCode};
use toml::Spanned;

use super::{NO_PLACE, Reader, Result};
use crate::{
    encoding::Encoding,
    scheme::{
        Algorithm, AnswerPart, ConfirmRule, HandshakeRule, Item, Only, Source,
        file::{ConfirmTable, HandshakeTable, Place, TokenTable, WhenTable},
        handshake::{Media, TokenRule, When},
        parts::{digest_and, hash_not_built},
        template::{Piece, TemplateError, pieces},
    },
};

/// What a handshake depends on in the rest of the file.
pub(super) struct Context<'a> {
    pub(super) algorithm: &'a Algorithm,
    pub(super) settings: &'a BTreeMap<String, String>,
    /// The methods of deliveries.
    pub(super) methods: &'a [Method],
}

impl Reader<'_> {
    pub(super) fn handshake(&self, table: Spanned<HandshakeTable>, context: &Context<'_>) -> Result<HandshakeRule> {
        let span = table.span();
        let table = table.into_inner();
        let signed = table.signed.unwrap_or(true);
        let media = self.media(table.media.as_ref())?;
        let only = table.only.as_ref().map(|only| self.only(only)).transpose()?;
        let method = self.question_method(table.method.as_ref())?;
        let mut headers = Vec::new();
        for (name, value) in &table.headers {
            headers.push((self.answer_header(name, value)?, self.answer(value, Media::Text, only)?));
        }
        let rule = HandshakeRule {
            method,
            when: table.when.into_iter().map(|when| self.when(when)).collect::<Result<_>>()?,
            signed,
            token: table.token.map(|token| self.token(token, context)).transpose()?,
            status: self.answer_status(table.status.as_ref())?,
            media,
            answer: match &table.answer {
                Some(answer) => self.answer(answer, media, only)?,
                None => Vec::new(),
            },
            headers,
            only,
            max: table.max.as_ref().map_or(DEFAULT_MAX, |max| *max.get_ref()),
            stores: match table.stores {
                Some(place) => {
                    let span = place.span();
                    Some(self.question_place(place.into_inner().place(), &span)?)
                }
                None => None,
            },
            confirm: table.confirm.map(|confirm| self.confirm(confirm)).transpose()?,
        };
        if let Some(wrong) = table.max.filter(|max| !(1..=LONGEST_VALUE).contains(max.get_ref())) {
            return self.fail(wrong.span(), format!("expected 1 to {LONGEST_VALUE} bytes"));
        }
        if let Some(only) = table.only.filter(|_| rule.values().next().is_none()) {
            return self.fail(only.span(), "`only` has no effect: the answer contains no value of the question");
        }
        self.question_is_told_apart(&rule, context, &span)?;
        self.answer_is_safe(&rule, context, &span)?;
        self.effects_are_safe(&rule, &span)?;
        Ok(rule)
    }

    /// Refuses a question that could be taken for a delivery, or that reads a body that its method does not have.
    fn question_is_told_apart(&self, rule: &HandshakeRule, context: &Context<'_>, span: &Range<usize>) -> Result<()> {
        if rule.when.is_empty() && context.methods.contains(&rule.method) {
            return self.fail(
                span.clone(),
                "expected `when`: deliveries have this method too, and something must tell the question from them",
            );
        }
        let has_body = rule.method == Method::POST || rule.method == Method::PUT;
        if !has_body && let Some(source) = rule.sources().find(|source| source.is_in_body()) {
            let message = format!("the {source} cannot be read: a {} has no body", rule.method);
            return self.fail(span.clone(), message);
        }
        Ok(())
    }

    fn answer_is_safe(&self, rule: &HandshakeRule, context: &Context<'_>, span: &Range<usize>) -> Result<()> {
        let fail = |message: &str| self.fail(span.clone(), message);
        let is_bodiless = rule.method == Method::HEAD || rule.status == StatusCode::NO_CONTENT;
        if is_bodiless && !rule.answer.is_empty() {
            return fail("the answer to HEAD, and one of status 204, has no body: leave `answer` out");
        }
        let settings = rule.parts().flat_map(AnswerPart::items).filter_map(|item| match item {
            Item::Setting(name) => Some(name),
            _ => None,
        });
        for name in settings {
            self.setting_is_declared(name, span, context.settings)?;
        }
        let token = rule.token.as_ref().map(|token| &token.setting);
        let tells = |part: &AnswerPart| match part {
            AnswerPart::Item(Item::Setting(name)) | AnswerPart::JsonString(Item::Setting(name)) => Some(name) == token,
            _ => false,
        };
        if rule.parts().any(tells) {
            return fail("the answer contains the setting that `token` compares, and would reveal it");
        }
        for part in rule.parts() {
            let AnswerPart::Hmac(digest, _, items) = part else { continue };
            if *context.algorithm != Algorithm::Hmac(*digest) {
                let message =
                    format!("the HMAC of the answer must be the algorithm of the signature, {}", context.algorithm);
                return self.fail(span.clone(), message);
            }
            if !rule.signed && (rule.only.is_none() || !matches!(items.as_slice(), [Item::Value(_)])) {
                return fail(
                    "anybody can ask this unsigned question and have its value signed with the key of the deliveries: expected exactly \
                     one value in the HMAC, and `only` to limit its characters, so that it cannot be a delivery",
                );
            }
        }
        Ok(())
    }

    fn effects_are_safe(&self, rule: &HandshakeRule, span: &Range<usize>) -> Result<()> {
        if rule.stores.is_some() && rule.signed {
            return self.fail(
                span.clone(),
                "expected `signed = false`: before the secret is stored, there is no key to sign with",
            );
        }
        if rule.confirm.is_some() && !rule.signed {
            return self.fail(
                span.clone(),
                "`confirm` needs a signed question: otherwise anybody could make the endpoint fetch a URL",
            );
        }
        if rule.stores.is_some() && rule.confirm.is_some() {
            return self.fail(span.clone(), "expected one of `stores` and `confirm`");
        }
        Ok(())
    }

    fn question_method(&self, name: Option<&Spanned<String>>) -> Result<Method> {
        let Some(name) = name else { return Ok(Method::POST) };
        match name.get_ref().as_str() {
            "GET" => Ok(Method::GET),
            "HEAD" => Ok(Method::HEAD),
            "OPTIONS" => Ok(Method::OPTIONS),
            "POST" => Ok(Method::POST),
            "PUT" => Ok(Method::PUT),
            _ => self.fail(name.span(), "expected `GET`, `HEAD`, `OPTIONS`, `POST` or `PUT`"),
        }
    }

    fn when(&self, table: Spanned<WhenTable>) -> Result<When> {
        let span = table.span();
        let mut table = table.into_inner();
        Ok(When { source: self.question_place(table.place(), &span)?, equals: table.equals })
    }

    fn token(&self, table: Spanned<TokenTable>, context: &Context<'_>) -> Result<TokenRule> {
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.question_place(table.place(), &span)?;
        let setting = table.setting.unwrap_or_else(|| "verify_token".to_owned());
        self.setting_is_declared(&setting, &span, context.settings)?;
        Ok(TokenRule { source, setting })
    }

    fn confirm(&self, table: Spanned<ConfirmTable>) -> Result<ConfirmRule> {
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.question_place(table.place(), &span)?;
        let hosts = table.hosts.iter().map(|host| self.host(host)).collect::<Result<Vec<_>>>()?;
        if hosts.is_empty() {
            return self.fail(span, "expected `hosts`: the hosts that the URL may have");
        }
        let Some(path) = &table.path else {
            return self.fail(span, "expected `path`: the path that the URL must have");
        };
        Ok(ConfirmRule { source, hosts, path: self.path(path)?, parameters: table.parameters })
    }

    fn question_place(&self, place: Place, span: &Range<usize>) -> Result<Source> {
        self.place(place, span)?.ok_or_else(|| self.error(span.clone(), NO_PLACE))
    }

    fn answer_status(&self, status: Option<&Spanned<u16>>) -> Result<StatusCode> {
        let Some(status) = status else { return Ok(StatusCode::OK) };
        let read = StatusCode::from_u16(*status.get_ref()).ok().filter(StatusCode::is_success);
        read.ok_or_else(|| self.error(status.span(), "expected a status of success: 200 to 299"))
    }

    fn media(&self, name: Option<&Spanned<String>>) -> Result<Media> {
        let Some(name) = name else { return Ok(Media::Text) };
        Media::from_name(name.get_ref()).ok_or_else(|| {
            self.error(
                name.span(),
                "expected `text/plain` or `application/json`: a browser could show other types as a page",
            )
        })
    }

    fn only(&self, name: &Spanned<String>) -> Result<Only> {
        Only::from_name(name.get_ref())
            .ok_or_else(|| self.error(name.span(), "expected `digits`, `hex`, `word` or `base64`"))
    }

    /// A header of the answer, on which no browser or proxy acts.
    fn answer_header(&self, name: &str, value: &Spanned<String>) -> Result<HeaderName> {
        let read = HeaderName::from_bytes(name.as_bytes()).ok();
        let is_harmless = |name: &HeaderName| HEADER_WORDS.iter().any(|word| name.as_str().contains(word));
        read.filter(is_harmless).ok_or_else(|| {
            let message = format!(
                "`{name}` cannot be a header of an answer; expected one that only the provider acts on, with {} in its name",
                HEADER_WORDS.map(|word| format!("`{word}`")).join(" or ")
            );
            self.error(value.span(), message)
        })
    }

    fn answer(&self, template: &Spanned<String>, media: Media, only: Option<Only>) -> Result<Vec<AnswerPart>> {
        let read = || -> std::result::Result<Vec<AnswerPart>, TemplateError> {
            let mut parts = Vec::new();
            for piece in pieces(template.get_ref())? {
                parts.push(match piece {
                    Piece::Literal(text) => AnswerPart::Literal(text.to_owned()),
                    Piece::Placeholder { name, argument, offset } => {
                        if let Some(error) = hash_not_built(name.strip_prefix("hmac-").unwrap_or(name), offset) {
                            return Err(error);
                        }
                        let part = part(name, argument).map_err(|message| TemplateError::new(offset, message))?;
                        if media == Media::Json && only.is_none() && matches!(part, AnswerPart::Item(_)) {
                            let message = "a value could end the JSON text context it: write `{json-string:…}`, or limit it with `only`";
                            return Err(TemplateError::new(offset, message));
                        }
                        part
                    }
                });
            }
            Ok(parts)
        };
        read().map_err(|error| self.in_template(template, error))
    }
}

fn part(name: &str, argument: Option<&str>) -> std::result::Result<AnswerPart, String> {
    let Some(argument) = argument else { return Item::parse(name).map(AnswerPart::Item) };
    if name == "json-string" {
        return Item::parse(argument).map(AnswerPart::JsonString);
    }
    if let Some((digest, encoding)) = name.strip_prefix("hmac-").and_then(|name| digest_and(name, Encoding::from_name))
    {
        return Ok(AnswerPart::Hmac(digest, encoding, Item::parse_list(argument)?));
    }
    if let Some((digest, encoding)) = digest_and(name, Encoding::from_name) {
        return Ok(AnswerPart::Hash(digest, encoding, Item::parse_list(argument)?));
    }
    Item::parse(&format!("{name}:{argument}")).map(AnswerPart::Item).map_err(|message| {
        format!("{message}, `json-string:` and one of these, or `sha256-hex:` or `hmac-sha256-hex:` and its like and some of these")
    })
}

/// The words in the headers of the providers' handshakes: `X-Hook-Secret`, `Validation-Token`.
const HEADER_WORDS: [&str; 4] = ["hook", "token", "challenge", "verification"];

/// In bytes. The longest known challenge, of Microsoft Graph, has less than 200.
const DEFAULT_MAX: usize = 512;

/// In bytes. A limit, because an unverified sender chooses the value and the answer repeats it.
const LONGEST_VALUE: usize = 4096;
