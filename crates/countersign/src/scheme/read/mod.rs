//! Holds a scheme file against the rules of the language.

mod coverage;
mod handshake;
mod http_signature;
mod jwt;
mod keys;
mod layout;
mod operation;
mod signature;

use std::{collections::BTreeMap, ops::Range};

use http::Method;
use toml::Spanned;

use self::{coverage::Reach, handshake::Around};
use super::{
    Check, Description, Equals, Expected, FormRule, HashEncoding, Hashed, Hole, Part, SchemeError, SecretRule,
    Signature, Source, TimestampRule, UrlForm, UrlRule,
    error::not_built,
    file::{CheckTable, FieldTable, File, FormTable, JwtTable, Place, SecretTable, TimestampTable, UrlTable},
    framing::is_url_byte,
    template::TemplateError,
};
use crate::{algorithm::Digest, encoding::Encoding, timestamp::Tolerance};

type Result<T> = std::result::Result<T, SchemeError>;

/// Reads and checks a whole file.
pub(super) fn read(id: String, text: &str) -> Result<Description> {
    let file: File = toml::from_str(text)
        .map_err(|error| SchemeError::at(text, error.span().unwrap_or_default(), error.message()))?;
    Reader { text }.scheme(id, file)
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn scheme(&self, id: String, file: File) -> Result<Description> {
        if file.name.get_ref().trim().is_empty() {
            return self.fail(file.name.span(), "expected the provider's name, found nothing");
        }
        let signature_span = file.signature.span();
        let (signature, statements) = self.signature(file.signature, &file.settings)?;
        let timestamp = self.timestamp(file.timestamp, &signature, signature_span.clone())?;
        let delivery_id = file.id.map(|table| self.delivery_id(table)).transpose()?;
        let settings = file.settings;
        let checks = self.checks(file.check, file.jwt.as_ref().map(Spanned::get_ref), &settings)?;
        self.parts_have_sources(&signature, timestamp.as_ref(), delivery_id.as_ref(), &signature_span)?;
        let mut required_settings = self.used_settings(&signature, &checks, &settings, &signature_span)?;
        let jwt = self.jwt(file.jwt, &signature.algorithm, &settings, &signature_span)?;
        let http = self.http_signature(file.http_signature, &signature.algorithm, &settings, &signature_span)?;
        let named = signature.key_name.iter().filter_map(Expected::setting);
        required_settings.extend(jwt.settings().chain(named).chain(http.setting()).map(str::to_owned));

        let form = self.form(file.form, &signature)?;
        let reach = Reach {
            signature: &signature,
            http: &http,
            form: &form,
            timestamp: timestamp.as_ref(),
            id: delivery_id.as_ref(),
            is_ambiguous: statements.ambiguous.is_some(),
            moves_query: file.url.moves_query(),
        };
        let covers_body = reach.covers_body(&checks);
        self.body_is_covered(&signature, covers_body, &statements, &signature_span)?;
        let (guards, ambiguous) =
            self.framing(&signature, timestamp.as_ref(), &form, statements.ambiguous, &signature_span)?;
        let event = self.event(file.event, &reach, &checks, &signature_span)?;
        let url = self.url(file.url, &signature)?;
        let methods = self.methods(file.request.methods)?;
        let around = Around { algorithm: &signature.algorithm, settings: &settings, methods: &methods };
        let handshakes =
            file.handshake.into_iter().map(|table| self.handshake(table, &around)).collect::<Result<_>>()?;
        let keys_span = file.keys.as_ref().map(Spanned::span);
        let keys = file.keys.map(|table| self.keys(table, &signature, &settings)).transpose()?;

        let description = Description {
            id,
            name: file.name.into_inner(),
            aliases: file.aliases,
            category: file.category,
            source: file.source,
            checked: file.checked,
            notes: file.notes,
            methods,
            secret: self.secret(file.secret)?,
            signature,
            timestamp,
            delivery_id,
            checks,
            url,
            form,
            event_id: event.id,
            event_type: event.kind,
            told_apart_by: event.told_apart_by,
            answers: self.answers(file.answers)?,
            settings,
            required_settings,
            jwt,
            http,
            decoded: self.decoded(file.body)?,
            addresses: file.addresses.map(|table| self.addresses(table)).transpose()?,
            handshakes,
            keys,
            guards,
            ambiguous,
            covers_body,
        };
        self.can_be_verified(&description, signature_span, keys_span)?;
        Ok(description)
    }

    fn can_be_verified(&self, read: &Description, signature: Range<usize>, keys: Option<Range<usize>>) -> Result<()> {
        if let Some((algorithm, feature)) = read.missing_feature() {
            return Err(self.not_built(signature, algorithm.name(), feature));
        }
        match keys {
            Some(span) if !read.takes_public_key() => {
                self.fail(span, "this scheme is not signed with a private key: there is no public one to fetch")
            }
            _ => Ok(()),
        }
    }

    fn delivery_id(&self, table: Spanned<FieldTable>) -> Result<Source> {
        let span = table.span();
        self.place(table.into_inner().place(), &span)?.ok_or_else(|| self.error(span, NO_PLACE))
    }

    fn timestamp(
        &self,
        table: Option<Spanned<TimestampTable>>,
        signature: &Signature,
        signature_span: Range<usize>,
    ) -> Result<Option<TimestampRule>> {
        let in_syntax = signature.syntax.holes().any(|hole| hole == Hole::Timestamp);
        let Some(table) = table else {
            if in_syntax {
                return self.fail(
                    signature_span,
                    "the layout has a `{timestamp}`, so a `[timestamp]` table must tell its format",
                );
            }
            return Ok(None);
        };
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.place(table.place(), &span)?;
        match (&source, in_syntax) {
            (Some(_), true) => {
                return self.fail(span, "the timestamp has two places: here and in the signature's layout");
            }
            (None, false) => return self.fail(span, NO_PLACE),
            _ => {}
        }
        let covers = |part: &Part| {
            part.always_writes(&Part::Timestamp, source.as_ref()) || source.as_ref().is_some_and(|at| part.covers(at))
        };
        let covered = signature.parts.iter().any(covers);
        if !covered {
            return self.fail(
                span,
                "the signature does not cover this timestamp, so anybody can make an old delivery look new: leave it out",
            );
        }
        let tolerance = Tolerance::new(table.tolerance, table.future.unwrap_or(table.tolerance));
        Ok(Some(TimestampRule { source, format: table.format, is_string: table.string, tolerance }))
    }

    fn checks(
        &self,
        tables: Vec<Spanned<CheckTable>>,
        jwt: Option<&JwtTable>,
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<Check>> {
        let is_demanded = |source: &Source| match source {
            Source::Claim(claim) => jwt.is_some_and(|jwt| match claim.tokens() {
                [name] => (name == "iss" && jwt.issuer.is_some()) || (name == "aud" && jwt.audience.is_some()),
                _ => false,
            }),
            _ => false,
        };
        let mut checks: Vec<Check> = Vec::new();
        for table in tables {
            let span = table.span();
            let check = self.check(table, settings)?;
            if checks.iter().any(|other| other.source == check.source) {
                return self.fail(span, "this value already has a check: list the alternatives in its `equals`");
            }
            if is_demanded(&check.source) {
                return self.fail(
                    span,
                    "`issuer` or `audience` under `[jwt]` says what this claim must be: leave one of them out",
                );
            }
            checks.push(check);
        }
        Ok(checks)
    }

    fn check(&self, table: Spanned<CheckTable>, settings: &BTreeMap<String, String>) -> Result<Check> {
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.place(table.place(), &span)?.ok_or_else(|| self.error(span, NO_PLACE))?;
        let span = table.equals.span();
        let texts = table.equals.into_inner().into_vec();
        let parse = |text: &String| Part::parse_all(text).map_err(|error| self.wrong_template(span.clone(), error));
        let texts = texts.iter().map(parse).collect::<Result<Vec<_>>>()?;
        let equals = self.equals(texts, span)?;
        let if_set = match table.if_set {
            Some(name) if matches!(equals, Equals::BodyHash(..)) => {
                return self.fail(name.span(), "a hash of the body is always checked");
            }
            Some(name) => {
                self.setting_is_declared(name.get_ref(), &name.span(), settings)?;
                Some(name.into_inner())
            }
            None => None,
        };
        let CheckTable { optional, unless_empty, names_key, .. } = table;
        Ok(Check { source, equals, optional, unless_empty, names_key, if_set })
    }

    fn equals(&self, texts: Vec<Vec<Part>>, span: Range<usize>) -> Result<Equals> {
        let mut encodings = Vec::new();
        let mut digests = Vec::new();
        for text in &texts {
            if let [Part::Hash(digest, HashEncoding::Text(encoding), Hashed::Body)] = text.as_slice() {
                digests.push(*digest);
                encodings.push(*encoding);
            }
        }
        let whole = |part: &Part| part.needs_whole_body() || matches!(part, Part::Body | Part::Secret);
        match *digests.as_slice() {
            [first, ..] if digests.len() == texts.len() && digests.iter().all(|digest| *digest == first) => {
                Ok(Equals::BodyHash(first, encodings))
            }
            [] if !texts.is_empty() && !texts.iter().flatten().any(whole) => Ok(Equals::Text(texts)),
            _ => self.fail(
                span,
                "expected a hash of the body, such as \"{sha256-hex:body}\" (or one hash in several encodings), or text without the body",
            ),
        }
    }

    /// The settings that signed content and checks have, each of which the file must declare.
    fn used_settings(
        &self,
        signature: &Signature,
        checks: &[Check],
        declared: &BTreeMap<String, String>,
        span: &Range<usize>,
    ) -> Result<Vec<String>> {
        let in_checks = checks.iter().flat_map(|check| {
            let texts = match &check.equals {
                Equals::Text(texts) => texts.as_slice(),
                Equals::BodyHash(..) => &[],
            };
            texts.iter().flatten().map(|part| (part, check.if_set.as_deref()))
        });
        let mut used = Vec::new();
        for (part, if_set) in signature.parts.iter().map(|part| (part, None)).chain(in_checks) {
            let inner = match part {
                Part::When(_, inner) => inner.as_slice(),
                part => std::slice::from_ref(part),
            };
            for part in inner {
                if let Part::Setting(name) = part {
                    self.setting_is_declared(name, span, declared)?;
                    if if_set != Some(name) {
                        used.push(name.clone());
                    }
                }
            }
        }
        Ok(used)
    }

    fn setting_is_declared(&self, name: &str, span: &Range<usize>, settings: &BTreeMap<String, String>) -> Result<()> {
        if settings.contains_key(name) {
            return Ok(());
        }
        self.fail(span.clone(), format!("`[settings]` does not say what `{name}` is and where the receiver finds it"))
    }

    fn methods(&self, names: Option<Vec<Spanned<String>>>) -> Result<Vec<Method>> {
        let Some(names) = names else {
            return Ok(vec![Method::POST]);
        };
        let parse = |name: &Spanned<String>| match Method::from_bytes(name.get_ref().as_bytes()) {
            Ok(method) if name.get_ref().bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(method),
            _ => self.fail(name.span(), "expected a request method in capitals, such as \"POST\""),
        };
        names.iter().map(parse).collect()
    }

    fn url(&self, table: UrlTable, signature: &Signature) -> Result<UrlRule> {
        let forms = match table.forms {
            Some(forms) if !signature.parts.iter().any(Part::writes_url) => {
                return self.fail(forms.span(), "`signs` has no `{url}` that could have forms");
            }
            Some(forms) if forms.get_ref().is_empty() => return self.fail(forms.span(), "expected at least one form"),
            Some(forms) => forms.into_inner(),
            None => vec![UrlForm::AsIs],
        };
        if let Some(decode) = &table.decode
            && !forms.contains(&UrlForm::Decoded)
        {
            return self.fail(decode.span(), "`forms` has no `decoded` that could use these characters");
        }
        let wrong = |c: &char| u8::try_from(*c).map_or(true, |byte| byte == b'%' || !is_url_byte(byte));
        if let Some(decode) = &table.decode
            && let Some(c) = decode.get_ref().chars().find(wrong)
        {
            let message = format!("`{c}` must stay escaped: decoded, it could end the URL or change its meaning");
            return self.fail(decode.span(), message);
        }
        Ok(UrlRule { forms, decode: table.decode.map(Spanned::into_inner).unwrap_or_default() })
    }

    fn form(&self, table: Option<Spanned<FormTable>>, signature: &Signature) -> Result<FormRule> {
        let table = match table {
            Some(table) if !signature.parts.iter().any(|part| matches!(part, Part::FormSorted | Part::QuerySorted)) => {
                let message = "`signs` has no `{form-sorted}` or `{query-sorted}` that this could describe";
                return self.fail(table.span(), message);
            }
            table => table.map(Spanned::into_inner).unwrap_or_default(),
        };
        let FormTable { between, after, join, dedupe, exclude, skip_empty, values_only, encode } = table;
        Ok(FormRule { between, after, join, dedupe, exclude, skip_empty, values_only, encode })
    }

    fn secret(&self, table: SecretTable) -> Result<SecretRule> {
        let encoding = table.encoding.map(|name| self.secret_encoding(&name)).transpose()?.flatten();
        let around = table.prepend.as_ref().or(table.append.as_ref());
        if let (Some(text), Some(_)) = (around, encoding) {
            return self.fail(text.span(), "text can be put around a `utf8` secret only");
        }
        if let (Some(required), None) = (&table.prefix_required, &table.strip) {
            return self.fail(required.span(), "expected `strip` beside it: the prefix that is required");
        }
        Ok(SecretRule {
            verbatim: table
                .verbatim
                .map(|prefix| self.verbatim(prefix, encoding, table.strip.as_deref()))
                .transpose()?,
            begins: table.begins.map(|prefix| self.begins(prefix, encoding, table.strip.as_deref())).transpose()?,
            strip: table.strip,
            prefix_required: table.prefix_required.is_some_and(Spanned::into_inner),
            encoding,
            bytes: table.bytes.map(|bytes| self.key_bytes(&bytes, encoding)).transpose()?,
            hash: table.hash.map(|name| self.digest(&name)).transpose()?,
            prepend: table.prepend.map(Spanned::into_inner).unwrap_or_default(),
            append: table.append.map(Spanned::into_inner).unwrap_or_default(),
            excludes_api_keys: table.api_key == Some(false),
        })
    }

    /// A prefix that no secret in the encoding can have, so that each text has one reading.
    fn verbatim(&self, prefix: Spanned<String>, encoding: Option<Encoding>, strip: Option<&str>) -> Result<String> {
        let begins_stripped = strip.is_some_and(|strip| strip.starts_with(prefix.get_ref()));
        let cannot_be = |encoding: Encoding| prefix.get_ref().bytes().any(|byte| !encoding.takes(byte));
        match encoding {
            Some(encoding) if cannot_be(encoding) && !begins_stripped => Ok(prefix.into_inner()),
            _ => self.fail(prefix.span(), "expected a prefix that no secret in the `encoding` beside it can have"),
        }
    }

    fn key_bytes(&self, bytes: &Spanned<usize>, encoding: Option<Encoding>) -> Result<usize> {
        match (encoding, *bytes.get_ref()) {
            (None, _) => self.fail(bytes.span(), "expected an `encoding` beside it, of which so many bytes come"),
            (_, 0) => self.fail(bytes.span(), "expected how many bytes a key has, such as 32"),
            (Some(_), bytes) => Ok(bytes),
        }
    }

    /// A prefix that stays, and so none that is stripped or decoded.
    fn begins(&self, prefix: Spanned<String>, encoding: Option<Encoding>, strip: Option<&str>) -> Result<String> {
        if prefix.get_ref().is_empty() {
            return self.fail(prefix.span(), "expected the text that the provider's secrets begin with");
        }
        if strip.is_some() {
            return self.fail(prefix.span(), "the prefix belongs to the key (`begins`) or not (`strip`); expected one");
        }
        if encoding.is_some() {
            return self.fail(prefix.span(), "a prefix can belong to a `utf8` secret only; expected `strip`");
        }
        Ok(prefix.into_inner())
    }

    fn secret_encoding(&self, name: &Spanned<String>) -> Result<Option<Encoding>> {
        match name.get_ref().as_str() {
            "utf8" => Ok(None),
            _ => self.encoding(name).map(Some),
        }
    }

    fn encoding(&self, name: &Spanned<String>) -> Result<Encoding> {
        let text = name.get_ref();
        Encoding::from_name(text).ok_or_else(|| {
            let expected = "`utf8` (for secrets), `base64`, `base64url`, `hex` or a variant";
            self.error(name.span(), format!("unknown encoding `{text}`; expected {expected}"))
        })
    }

    fn digest(&self, name: &Spanned<String>) -> Result<Digest> {
        let text = name.get_ref();
        if let Some(feature) = Digest::missing_feature(text) {
            return Err(self.not_built(name.span(), text, feature));
        }
        Digest::from_name(text).ok_or_else(|| {
            self.error(name.span(), format!("unknown hash `{text}`; expected one such as `sha256` or `sha512`"))
        })
    }

    fn place(&self, place: Place, span: &Range<usize>) -> Result<Option<Source>> {
        Source::from_place(place).map_err(|message| self.error(span.clone(), message))
    }

    fn in_template<T>(&self, template: &Spanned<T>, error: TemplateError) -> SchemeError {
        // One byte for the quotation mark; escapes in front of the place would shift it, and are rare here.
        let start = template.span().start + 1 + error.offset;
        self.wrong_template(start..start, error)
    }

    fn wrong_template(&self, span: Range<usize>, error: TemplateError) -> SchemeError {
        let wrong = self.error(span, error.message);
        match error.missing_feature {
            Some(feature) => wrong.without_feature(feature),
            None => wrong,
        }
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> SchemeError {
        SchemeError::at(self.text, span, message)
    }

    /// What the algorithm of this name is missing in this build.
    fn not_built(&self, span: Range<usize>, name: &str, feature: &'static str) -> SchemeError {
        self.error(span, not_built(name, feature)).without_feature(feature)
    }

    fn fail<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T> {
        Err(self.error(span, message))
    }
}

const NO_PLACE: &str = "expected `header`, `query`, `json`, `form` or `claim`: where in the request it stands";

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";

    #[test]
    fn a_key_that_would_do_nothing_is_refused_where_it_stands() {
        for (keys, column) in [
            ("[secret]\nencoding = \"base64\"\nprepend = \"x\"", 11),
            ("[secret]\nencoding = \"hex\"\nappend = \"x\"", 10),
            ("[secret]\nencoding = \"hex\"\nprefix_required = true", 19),
            ("[secret]\nencoding = \"base64\"\nverbatim = \"ws\"", 12),
            ("[secret]\n\nverbatim = \"ws_\"", 12),
            ("[secret]\nstrip = \"ws_\"\nbytes = 32", 9),
            ("[secret]\nencoding = \"hex\"\nbytes = 0", 9),
            ("[secret]\nstrip = \"ws_\"\nbegins = \"ws_\"", 10),
            ("[url]\n\ndecode = \"x\"", 10),
            ("\n\n[form]\ndedupe = true", 1),
        ] {
            let error = read("a".to_owned(), &format!("{SIGNATURE}{keys}")).unwrap_err();
            assert_eq!((error.line(), error.column()), (9, column), "{keys}: {error}");
        }
    }
}
