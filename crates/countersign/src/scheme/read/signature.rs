//! Reads `[signature]`: algorithm, place and signed content.

use std::{collections::BTreeMap, ops::Range};

use http::header::AUTHORIZATION;
use toml::Spanned;

use super::{NO_PLACE, Reader, Result, coverage::Statements};
use crate::{
    algorithm::Digest,
    http_signature::SIGNATURE,
    json::Pointer,
    public_key::PublicKeyAlgorithm,
    scheme::{
        Algorithm, Choice, Expected, Hole, Part, Signature, Source, Syntax, TimestampRule, Unwrap,
        file::{AlgorithmName, SignatureTable, Signs, UnwrapTable},
        template::TemplateError,
    },
};

impl Reader<'_> {
    pub(super) fn signature(
        &self,
        table: Spanned<SignatureTable>,
        settings: &BTreeMap<String, String>,
    ) -> Result<(Signature, Statements)> {
        let span = table.span();
        let mut table = table.into_inner();
        let algorithm = self.algorithm(&mut table.algorithm)?;
        let source = self.signature_place(&mut table, &algorithm, &span)?;
        let every = self.every(table.every.as_ref(), &source)?;
        let unwrap = table.unwrap.map(|table| self.unwrap(table)).transpose()?;
        let syntax = self.syntax(table.value, table.list, table.fields, &algorithm, &span)?;
        self.holes_fit(&syntax, &algorithm, &span)?;
        let parts = self.parts(table.signs.as_ref(), &algorithm, &span)?;
        let key_name = self.key_name(table.key_name, &syntax, settings, &span)?;
        let optional_end =
            table.optional_end.map(|end| self.optional_end(end, &algorithm)).transpose()?.unwrap_or_default();
        let prehash = table.prehash.map(|name| self.prehash(&name, &algorithm)).transpose()?;
        let statements = Statements { covers_body: table.covers_body, ambiguous: table.ambiguous };
        let signs = table.signs.map(|signs| signs.get_ref().to_string());
        let carries_id = syntax.holes().any(|hole| hole == Hole::Id);
        let signature = Signature {
            algorithm,
            source,
            every,
            unwrap,
            syntax,
            carries_id,
            key_name,
            optional_end,
            prehash,
            signs,
            parts,
        };
        Ok((signature, statements))
    }

    fn key_name(
        &self,
        name: Option<Spanned<String>>,
        syntax: &Syntax,
        settings: &BTreeMap<String, String>,
        span: &Range<usize>,
    ) -> Result<Option<Expected>> {
        let has_hole = syntax.holes().any(|hole| hole == Hole::KeyName);
        match name {
            Some(name) if has_hole => self.expected(name.get_ref(), &name.span(), settings).map(Some),
            Some(name) => self.fail(name.span(), "`key_name` has no effect: the layout has no `{key-name}`"),
            None if has_hole => {
                self.fail(span.clone(), "expected `key_name`: the name of our key for the `{key-name}` of the layout")
            }
            None => Ok(None),
        }
    }

    fn prehash(&self, name: &Spanned<String>, algorithm: &Algorithm) -> Result<Digest> {
        match algorithm {
            Algorithm::PublicKey(_) => match self.digest(name)? {
                digest if digest.is_collision_resistant() => Ok(digest),
                _ => self.fail(name.span(), "expected a collision-resistant hash, such as `sha256`"),
            },
            _ => self.fail(name.span(), "`prehash` is only for public-key algorithms"),
        }
    }

    fn optional_end(&self, end: Spanned<String>, algorithm: &Algorithm) -> Result<Box<[u8]>> {
        match algorithm {
            Algorithm::Hmac(_) if !end.get_ref().is_empty() => Ok(end.into_inner().into_bytes().into()),
            _ => self.fail(end.span(), "expected text that is not empty, and an HMAC as the `algorithm`"),
        }
    }

    fn algorithm(&self, name: &mut Spanned<AlgorithmName>) -> Result<Algorithm> {
        let span = name.span();
        match name.get_mut() {
            AlgorithmName::One(text) => self.one_algorithm(text, span),
            AlgorithmName::Named(named) => {
                let source = self.place(named.place(), &span)?;
                let source = source.ok_or_else(|| self.error(span.clone(), NO_PLACE))?;
                let choose = |(word, text): (&String, &String)| match PublicKeyAlgorithm::from_name(text) {
                    Some(algorithm) => Ok((word.clone(), algorithm)),
                    None => self.fail(
                        span.clone(),
                        format!("`{text}` is not a public-key algorithm: the request can name only those"),
                    ),
                };
                let choices = named.choices.iter().map(choose).collect::<Result<Vec<_>>>()?;
                if choices.is_empty() {
                    return self.fail(span, "expected `choices`: the words of the request and the algorithm of each");
                }
                Ok(Algorithm::PublicKey(Choice::Named(source, choices)))
            }
        }
    }

    fn one_algorithm(&self, text: &str, span: Range<usize>) -> Result<Algorithm> {
        if let Some(feature) = missing_feature(text) {
            return Err(self.not_built(span, text, feature));
        }
        let found = match text {
            "token" => Some(Algorithm::Token),
            "basic" => Some(Algorithm::Basic),
            "jwt" => Some(Algorithm::Jwt),
            "jws-detached" => Some(Algorithm::DetachedJws),
            "http-signature" => Some(Algorithm::HttpSignature),
            _ => match text.strip_prefix("hmac-") {
                Some(digest) => Digest::from_name(digest).map(Algorithm::Hmac),
                None => Digest::from_name(text).map(Algorithm::Hash).or_else(|| {
                    PublicKeyAlgorithm::from_name(text).map(|algorithm| Algorithm::PublicKey(Choice::One(algorithm)))
                }),
            },
        };
        found.ok_or_else(|| {
            let expected = "a hash (`sha256`, `sha1`, `sha512` …), with `hmac-` in front or not, `ed25519`, \
                            `ecdsa-p256-sha256`, `rsa-sha256` or a variant, `jwt`, `jws-detached`, `http-signature`, \
                            `token` or `basic`";
            self.error(span, format!("unknown algorithm `{text}`; expected {expected}"))
        })
    }

    fn signature_place(
        &self,
        table: &mut SignatureTable,
        algorithm: &Algorithm,
        span: &Range<usize>,
    ) -> Result<Source> {
        let place = self.place(table.place(), span)?;
        let is_body = table.body.as_ref().is_some_and(|body| *body.get_ref());
        match (place, algorithm) {
            (Some(_), _) if is_body => self.fail(span.clone(), "the signature has two places: the body and another"),
            (None, Algorithm::Jwt) if is_body => Ok(Source::Body),
            (Some(_), Algorithm::HttpSignature) => {
                self.fail(span.clone(), "RFC 9421 names the headers of an HTTP Message Signature: leave the place out")
            }
            (_, _) if is_body => self.fail(span.clone(), "only a `jwt` can be the whole body"),
            (Some(source), _) => Ok(source),
            (None, Algorithm::HttpSignature) => Ok(Source::Header(vec![SIGNATURE])),
            (None, Algorithm::Basic) => Ok(Source::Header(vec![AUTHORIZATION])),
            (None, _) => self.fail(span.clone(), NO_PLACE),
        }
    }

    fn every(&self, every: Option<&Spanned<bool>>, source: &Source) -> Result<bool> {
        match every {
            Some(every) if !matches!(source, Source::Header(_)) => {
                self.fail(every.span(), "`every` is only for headers")
            }
            every => Ok(every.is_some_and(|every| *every.get_ref())),
        }
    }

    fn unwrap(&self, table: Spanned<UnwrapTable>) -> Result<Unwrap> {
        let span = table.span();
        let table = table.into_inner();
        if table.encoding.is_none() && table.json.is_none() {
            return self.fail(span, "expected `encoding`, `json` or both: what the signature is wrapped in");
        }
        let encoding = table.encoding.map(|name| self.encoding(&name)).transpose()?;
        let pointer = |text: String| {
            Pointer::parse(&text).ok_or_else(|| self.error(span.clone(), format!("`{text}` is not a JSON pointer")))
        };
        Ok(Unwrap { encoding, json: table.json.map(pointer).transpose()? })
    }

    fn parts(&self, signs: Option<&Spanned<Signs>>, algorithm: &Algorithm, span: &Range<usize>) -> Result<Vec<Part>> {
        let signs = match (signs, algorithm) {
            (None, Algorithm::Token | Algorithm::Basic | Algorithm::Jwt | Algorithm::HttpSignature) => {
                return Ok(Vec::new());
            }
            (Some(signs), Algorithm::Token | Algorithm::Basic) => {
                return self.fail(signs.span(), "a token or password signs nothing: leave `signs` out");
            }
            (Some(signs), Algorithm::HttpSignature) => {
                let message = "`components` of `[http-signature]` says what is signed: leave `signs` out";
                return self.fail(signs.span(), message);
            }
            (Some(signs), Algorithm::Jwt) => {
                return self.fail(signs.span(), "a JWT signs its own claims: leave `signs` out, and add a `[[check]]`");
            }
            (None, _) => {
                return self.fail(span.clone(), "expected `signs`: what the tag is computed over, such as \"{body}\"");
            }
            (Some(signs), _) => signs,
        };
        let parts = Part::parse_signs(signs.get_ref()).map_err(|(at, error)| match signs.get_ref() {
            Signs::One(_) => self.in_template(signs, error),
            Signs::More(_) => {
                let message = format!("item {}: {}", at + 1, error.message);
                self.wrong_template(signs.span(), TemplateError { message, ..error })
            }
        })?;
        let keyed = parts.iter().any(|part| part.any(&|part| *part == Part::Secret));
        match algorithm {
            Algorithm::Hash(_) if !keyed => {
                self.fail(signs.span(), "a plain hash proves nothing unless `signs` has `{secret}`")
            }
            _ if keyed && !matches!(algorithm, Algorithm::Hash(_) | Algorithm::Hmac(_)) => {
                self.fail(signs.span(), "only a hash or an HMAC can sign the key: leave `{secret}` out")
            }
            _ => self.optional_parts_are_plain(parts, signs.span()),
        }
    }

    fn optional_parts_are_plain(&self, parts: Vec<Part>, span: Range<usize>) -> Result<Vec<Part>> {
        let optional: Vec<&Part> = parts.iter().filter(|part| matches!(part, Part::When(..))).collect();
        let has_body = |part: &&Part| part.any(&|part| *part == Part::Body);
        if optional.iter().any(has_body) {
            return self.fail(span, "the body is always there: an optional item cannot have `{body}`");
        }
        if optional.len() > MAX_OPTIONAL {
            return self.fail(span, format!("more than {MAX_OPTIONAL} optional items"));
        }
        Ok(parts)
    }

    pub(super) fn parts_have_sources(
        &self,
        signature: &Signature,
        timestamp: Option<&TimestampRule>,
        id: Option<&Source>,
        span: &Range<usize>,
    ) -> Result<()> {
        let signs = |wanted: Part| signature.parts.iter().any(|part| part.any(&|part| *part == wanted));
        let always_signs_id = signature.parts.iter().any(|part| part.always_writes(&Part::Id, id));
        if signs(Part::Timestamp) && timestamp.is_none() {
            return self.fail(span.clone(), "`signs` has `{timestamp}`, but no `[timestamp]` table says where it is");
        }
        if signs(Part::Id) && id.is_none() && !signature.carries_id {
            return self.fail(span.clone(), "`signs` has `{id}`, but no `[id]` table says where it is");
        }
        if id.is_some() && signature.carries_id {
            return self.fail(span.clone(), "the id has two places: `[id]` and the signature's layout");
        }
        let is_claim = matches!(id, Some(Source::Claim(_)));
        if id.is_some() && !is_claim && !always_signs_id {
            let message =
                "`signs` does not have `{id}` for every request: name an id that is not signed under `[event]` instead";
            return self.fail(span.clone(), message);
        }
        if signature.carries_id && !always_signs_id {
            let message = "`signs` does not have `{id}` for every request, so anybody can change the one in the layout";
            return self.fail(span.clone(), message);
        }
        if signature.source.is_in_body() && signature.parts.iter().any(Part::covers_all_bytes) {
            return self.fail(span.clone(), "a signature cannot cover the body that contains it");
        }
        Ok(())
    }
}

/// The cargo feature that the algorithm needs, if it is off.
fn missing_feature(name: &str) -> Option<&'static str> {
    let digest = Digest::missing_feature(name.strip_prefix("hmac-").unwrap_or(name));
    let token = name == "jwt" || name == "jws-detached";
    digest
        .or_else(|| PublicKeyAlgorithm::from_name(name)?.missing_feature())
        .or_else(|| (name == "http-signature" && !cfg!(feature = "http-signature")).then_some("http-signature"))
        .or_else(|| (token && !cfg!(feature = "jwt")).then_some("jwt"))
}

/// The maximum number of optional items in `signs`: each doubles the number of readings to check.
const MAX_OPTIONAL: usize = 4;
