//! Checks a scheme file against the rules of the language.

mod check;
mod coverage;
mod handshake;
mod http_signature;
mod jwt;
mod keys;
mod layout;
mod operation;
mod secret;
mod signature;

use std::{collections::BTreeMap, ops::Range};

use http::Method;
use toml::Spanned;

use self::{
    coverage::{Coverage, Covered},
    handshake::Context,
};
use super::{
    Algorithm, Check, Description, Equals, Expected, FormRule, Hole, HttpSignatureRule, JwtRule, Part, SchemeError,
    Signature, Source, TimestampRule, UrlForm, UrlRule,
    error::not_built,
    file::{FieldTable, File, FormTable, HttpSignatureTable, JwtTable, Place, TimestampTable, UrlTable},
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
        let delivery_id = file.id.map(|table| self.delivery_id(table, &signature)).transpose()?;
        let settings = file.settings;
        let checks = self.checks(file.check, &signature, file.jwt.as_ref().map(Spanned::get_ref), &settings)?;
        self.parts_have_sources(&signature, timestamp.as_ref(), delivery_id.as_ref(), &signature_span)?;
        let used_settings = self.used_settings(&signature, &checks, &settings, &signature_span)?;
        let (jwt, http) = self.rules(file.jwt, file.http_signature, &signature, &settings, &signature_span)?;
        let required_settings = all_required(used_settings, &signature, &jwt, &http);
        let form = self.form(file.form, &signature)?;
        let coverage = Coverage {
            signature: &signature,
            http: &http,
            form: &form,
            timestamp: timestamp.as_ref(),
            id: delivery_id.as_ref(),
            checks: &checks,
            is_ambiguous: statements.ambiguous.is_some(),
            decodes_query: file.url.decodes_query(),
        };
        let Covered { covers_body, guards, ambiguous, event } =
            self.covered(&coverage, statements, file.event, &signature_span)?;
        let url = self.url(file.url, &signature)?;
        let methods = self.methods(file.request.methods)?;
        let context = Context { algorithm: &signature.algorithm, settings: &settings, methods: &methods };
        let handshakes =
            file.handshake.into_iter().map(|table| self.handshake(table, &context)).collect::<Result<_>>()?;
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

    /// What a token or an HTTP Message Signature must contain.
    fn rules(
        &self,
        jwt: Option<Spanned<JwtTable>>,
        http: Option<Spanned<HttpSignatureTable>>,
        signature: &Signature,
        settings: &BTreeMap<String, String>,
        span: &Range<usize>,
    ) -> Result<(JwtRule, HttpSignatureRule)> {
        let jwt = self.jwt(jwt, &signature.algorithm, settings, span)?;
        let http = self.http_signature(http, &signature.algorithm, settings, span)?;
        Ok((jwt, http))
    }

    /// Fails if this build lacks the algorithm, or if published keys could not verify the signature.
    fn can_be_verified(&self, read: &Description, signature: Range<usize>, keys: Option<Range<usize>>) -> Result<()> {
        if let Some((algorithm, feature)) = read.missing_feature() {
            return Err(self.not_built(signature, algorithm.name(), feature));
        }
        match keys {
            Some(span) if !read.takes_public_key() => {
                self.fail(span, "this scheme is not signed with a private key: there is no public key to fetch")
            }
            _ => Ok(()),
        }
    }

    fn delivery_id(&self, table: Spanned<FieldTable>, signature: &Signature) -> Result<Source> {
        let span = table.span();
        self.place_or_claim(table.into_inner().place(), signature, &span)
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
                    "the layout has a `{timestamp}`, so a `[timestamp]` table must give its format",
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

    /// The settings in the signed content and the checks. The file must declare each of them.
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
                Equals::Body | Equals::BodyHash(..) => &[],
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
        self.fail(
            span.clone(),
            format!(
                "the setting `{name}` is not declared: say in `[settings]` what it is and where the receiver finds it"
            ),
        )
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
                return self.fail(forms.span(), "`forms` has no effect: `signs` has no `{url}`");
            }
            Some(forms) if forms.get_ref().is_empty() => return self.fail(forms.span(), "expected at least one form"),
            Some(forms) => forms.into_inner(),
            None => vec![UrlForm::AsIs],
        };
        if let Some(decode) = &table.decode
            && !forms.contains(&UrlForm::Decoded)
        {
            return self.fail(decode.span(), "`decode` has no effect: `forms` has no `decoded`");
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
                let message = "`[form]` has no effect: `signs` has no `{form-sorted}` or `{query-sorted}`";
                return self.fail(table.span(), message);
            }
            table => table.map(Spanned::into_inner).unwrap_or_default(),
        };
        let FormTable { between, after, join, dedupe, exclude, skip_empty, values_only, encode } = table;
        Ok(FormRule { between, after, join, dedupe, exclude, skip_empty, values_only, encode })
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
        match Source::from_place(place).map_err(|message| self.error(span.clone(), message))? {
            Some(Source::Claim(_)) => self.fail(span.clone(), NO_CLAIM),
            source => Ok(source),
        }
    }

    /// A place or, for a token, a claim.
    fn place_or_claim(&self, place: Place, signature: &Signature, span: &Range<usize>) -> Result<Source> {
        let source = Source::from_place(place).map_err(|message| self.error(span.clone(), message))?;
        let source = source.ok_or_else(|| self.error(span.clone(), NO_PLACE_OR_CLAIM))?;
        self.claim_of_token(source, signature, span)
    }

    /// Refuses a claim where there is no token: it would be missing from every request.
    fn claim_of_token(&self, source: Source, signature: &Signature, span: &Range<usize>) -> Result<Source> {
        match source {
            Source::Claim(_) if signature.algorithm != Algorithm::Jwt => self.fail(span.clone(), NO_CLAIM),
            source => Ok(source),
        }
    }

    fn in_template<T>(&self, template: &Spanned<T>, error: TemplateError) -> SchemeError {
        // One byte for the quotation mark. Earlier escapes in the text would shift the position, but are rare here.
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

    /// The error for an algorithm that this build lacks.
    fn not_built(&self, span: Range<usize>, name: &str, feature: &'static str) -> SchemeError {
        self.error(span, not_built(name, feature)).without_feature(feature)
    }

    fn fail<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T> {
        Err(self.error(span, message))
    }
}

const NO_CLAIM: &str = "a claim can be named by `[id]`, `[[check]]` and `[event]` of a `jwt` only";

const NO_PLACE: &str = "expected `header`, `query`, `json` or `form`: where in the request it is";

const NO_PLACE_OR_CLAIM: &str =
    "expected `header`, `query`, `json`, `form` or, of a `jwt`, `claim`: where in the request it is";

/// The settings that signed content and checks use, and those of key names, tokens and message signatures.
fn all_required(mut used: Vec<String>, signature: &Signature, jwt: &JwtRule, http: &HttpSignatureRule) -> Vec<String> {
    let key_name = signature.key_name.iter().filter_map(Expected::setting);
    used.extend(jwt.settings().chain(key_name).chain(http.setting()).map(str::to_owned));
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";

    #[test]
    fn a_key_without_effect_is_refused_at_its_position() {
        for (keys, column) in [
            ("[secret]\nencoding = \"base64\"\nprepend = \"x\"", 11),
            ("[secret]\nencoding = \"hex\"\nappend = \"x\"", 10),
            ("[secret]\nencoding = \"hex\"\nprefix_required = true", 19),
            ("[secret]\n\nprepend = \"{timestamp}\"", 11),
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
