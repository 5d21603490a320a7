//! Holds a scheme file against the rules of the language.

use std::ops::Range;

use http::{Method, header::AUTHORIZATION};
use toml::Spanned;

use super::{
    Algorithm, Answers, Check, Description, Field, FieldSource, FormRule, Hole, Part, SchemeError, SecretRule,
    Signature, Source, Syntax, TimestampRule, UrlForm, UrlRule,
    file::{CheckTable, File, FormTable, ListTable, SecretTable, SignatureTable, TimestampTable, UrlTable},
    framing::{Framing, Guard, is_url_byte},
    parts::body_hash,
    syntax::Shape,
    template::{Piece, TemplateError, pieces},
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
        let (mut signature, statements) = self.signature(file.signature)?;
        let timestamp = self.timestamp(file.timestamp, &signature, signature_span.clone())?;
        let delivery_id = match file.id {
            Some(table) => {
                let span = table.span();
                Some(self.place(table.into_inner().place(), &span)?.ok_or_else(|| self.error(span, NO_PLACE))?)
            }
            None => None,
        };
        let checks = file.check.into_iter().map(|table| self.check(table)).collect::<Result<Vec<_>>>()?;
        self.parts_have_sources(&signature, timestamp.as_ref(), delivery_id.as_ref(), &signature_span)?;

        let is_ambiguous = statements.ambiguous.is_some();
        let reach = Reach {
            parts: &signature.parts,
            timestamp: timestamp.as_ref(),
            id: delivery_id.as_ref(),
            is_ambiguous,
            moves_query: file.url.moves_query(),
        };
        let covers_body = reach.covers_body(&checks);
        self.body_is_covered(&signature, covers_body, &statements, &signature_span)?;
        let (guards, ambiguous) =
            self.framing(&signature, timestamp.as_ref(), statements.ambiguous, &signature_span)?;
        let event_id = file.event.id.map(|field| self.field(&field, &reach, &checks)).transpose()?;
        let event_type = file.event.kind.map(|field| self.field(&field, &reach, &checks)).transpose()?;
        let methods = self.methods(file.request.methods)?;
        let url = self.url(file.url, &signature)?;
        let form = self.form(file.form, &signature)?;
        signature.parts.shrink_to_fit();

        Ok(Description {
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
            event_id,
            event_type,
            answers: Answers { within: file.answers.within, retries_for: file.answers.retries_for },
            guards,
            ambiguous,
            covers_body,
        })
    }

    fn signature(&self, table: Spanned<SignatureTable>) -> Result<(Signature, Statements)> {
        let span = table.span();
        let mut table = table.into_inner();
        let algorithm = self.algorithm(&table.algorithm)?;
        let source = match (self.place(table.place(), &span)?, algorithm) {
            (Some(source), _) => source,
            (None, Algorithm::Basic) => Source::Header(vec![AUTHORIZATION]),
            (None, _) => return self.fail(span, NO_PLACE),
        };
        let syntax = self.syntax(table.value, table.list, algorithm, &span)?;
        self.holes_fit(&syntax, algorithm, &span)?;
        let parts = match (&table.signs, algorithm) {
            (Some(signs), Algorithm::Hmac(_) | Algorithm::Hash(_)) => {
                Part::parse_all(signs.get_ref()).map_err(|error| self.in_template(signs, &error))?
            }
            (None, Algorithm::Token | Algorithm::Basic) => Vec::new(),
            (Some(signs), _) => {
                return self.fail(signs.span(), "a token or password signs nothing: leave `signs` out");
            }
            (None, _) => return self.fail(span, "expected `signs`: what the tag is computed over, such as \"{body}\""),
        };
        let keyed = parts.contains(&Part::Secret);
        match (algorithm, &table.signs) {
            (Algorithm::Hmac(_), Some(signs)) if keyed => {
                return self.fail(signs.span(), "HMAC is keyed with the secret already: leave `{secret}` out");
            }
            (Algorithm::Hash(_), Some(signs)) if !keyed => {
                return self.fail(signs.span(), "a plain hash proves nothing unless `{secret}` is in what it signs");
            }
            _ => {}
        }
        let statements = Statements { covers_body: table.covers_body, ambiguous: table.ambiguous };
        let signs = table.signs.map(Spanned::into_inner);
        let carries_id = syntax.holes().any(|hole| hole == Hole::Id);
        Ok((Signature { algorithm, source, syntax, carries_id, signs, parts }, statements))
    }

    fn algorithm(&self, name: &Spanned<String>) -> Result<Algorithm> {
        let text = name.get_ref().as_str();
        let found = match text {
            "token" => Some(Algorithm::Token),
            "basic" => Some(Algorithm::Basic),
            _ => match text.strip_prefix("hmac-") {
                Some(digest) => Digest::from_name(digest).map(Algorithm::Hmac),
                None => Digest::from_name(text).map(Algorithm::Hash),
            },
        };
        let expected = "`hmac-sha256`, `hmac-sha1`, `hmac-sha512`, `sha256`, `sha1`, `sha512`, `token` or `basic`";
        found.ok_or_else(|| self.error(name.span(), format!("unknown algorithm `{text}`; expected {expected}")))
    }

    fn syntax(
        &self,
        value: Option<Spanned<String>>,
        list: Option<Spanned<ListTable>>,
        algorithm: Algorithm,
        span: &Range<usize>,
    ) -> Result<Syntax> {
        if let (Algorithm::Basic, Some(span)) =
            (algorithm, value.as_ref().map(Spanned::span).or(list.as_ref().map(Spanned::span)))
        {
            return self.fail(span, "RFC 7617 says how HTTP Basic is written: leave the layout out");
        }
        match (value, list) {
            (Some(value), None) => self.shape(&value).map(Syntax::Value),
            (None, Some(list)) => self.list(list),
            (None, None) if algorithm == Algorithm::Token => self.default_shape("{token}", span),
            (None, None) if algorithm == Algorithm::Basic => self.default_shape("Basic {token}", span),
            (None, None) => {
                self.fail(span.clone(), "expected `value` (such as \"sha256={hex}\") or `list`: how the tag is written")
            }
            (Some(_), Some(list)) => self.fail(list.span(), "expected one of `value` and `list`, found both"),
        }
    }

    fn default_shape(&self, template: &str, span: &Range<usize>) -> Result<Syntax> {
        Shape::parse(template).map(Syntax::Value).map_err(|error| self.error(span.clone(), error.message))
    }

    fn list(&self, list: Spanned<ListTable>) -> Result<Syntax> {
        let span = list.span();
        let list = list.into_inner();
        let [separator] = *list.separator.get_ref().as_bytes() else {
            return self.fail(list.separator.span(), "expected a separator of one ASCII character, such as \",\"");
        };
        let items = list.items.iter().map(|item| self.shape(item)).collect::<Result<Vec<_>>>()?;
        if items.is_empty() {
            return self.fail(span, "expected at least one item");
        }
        for (at, item) in items.iter().enumerate() {
            let shadowed = items[..at].iter().any(|earlier| item.prefix().starts_with(earlier.prefix()));
            if shadowed {
                return self.fail(
                    list.items[at].span(),
                    "an earlier item begins the same way and takes everything that this one could",
                );
            }
        }
        Ok(Syntax::List { separator, trim: list.trim, items })
    }

    fn shape(&self, template: &Spanned<String>) -> Result<Shape> {
        Shape::parse(template.get_ref()).map_err(|error| self.in_template(template, &error))
    }

    fn holes_fit(&self, syntax: &Syntax, algorithm: Algorithm, span: &Range<usize>) -> Result<()> {
        let tokens = matches!(algorithm, Algorithm::Token | Algorithm::Basic);
        let carries = |hole: &Hole| matches!(hole, Hole::Tag(_) | Hole::Token);
        let wrong = |hole: &Hole| matches!((hole, tokens), (Hole::Tag(_), true) | (Hole::Token, false));
        if syntax.holes().any(|hole| wrong(&hole)) {
            let expected = if tokens { "`{token}`" } else { "an encoding such as `{hex}`" };
            return self.fail(span.clone(), format!("this algorithm carries its proof in {expected}"));
        }
        if !syntax.holes().any(|hole| carries(&hole)) {
            return self.fail(span.clone(), "the layout has no place for the tag: expected one such as `{hex}`");
        }
        for single in [Hole::Timestamp, Hole::Id, Hole::Token] {
            if syntax.holes().filter(|hole| *hole == single).count() > 1 {
                return self.fail(span.clone(), format!("the layout has `{{{single}}}` twice"));
            }
        }
        Ok(())
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
        let covered = signature.parts.contains(&Part::Timestamp)
            || source.as_ref().is_some_and(|source| signature.parts.iter().any(|part| part.covers(source)));
        if !covered {
            return self.fail(
                span,
                "the signature does not cover this timestamp, so anybody can make an old delivery look new: leave it out",
            );
        }
        let tolerance = Tolerance::new(table.tolerance, table.future.unwrap_or(table.tolerance));
        Ok(Some(TimestampRule { source, format: table.format, tolerance }))
    }

    fn check(&self, table: Spanned<CheckTable>) -> Result<Check> {
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.place(table.place(), &span)?.ok_or_else(|| self.error(span, NO_PLACE))?;
        let hash = match pieces(table.equals.get_ref()).as_deref() {
            Ok([Piece::Placeholder { name, argument: Some(argument), .. }]) => body_hash(name, argument),
            _ => None,
        };
        let (digest, encoding) = hash.ok_or_else(|| {
            self.error(table.equals.span(), "expected a hash of the body, such as \"{sha256-hex:body}\"")
        })?;
        Ok(Check { source, digest, encoding })
    }

    fn parts_have_sources(
        &self,
        signature: &Signature,
        timestamp: Option<&TimestampRule>,
        id: Option<&Source>,
        span: &Range<usize>,
    ) -> Result<()> {
        let id_in_syntax = signature.carries_id;
        if signature.parts.contains(&Part::Timestamp) && timestamp.is_none() {
            return self
                .fail(span.clone(), "`signs` has `{timestamp}`, but no `[timestamp]` table tells where it stands");
        }
        if signature.parts.contains(&Part::Id) && id.is_none() && !id_in_syntax {
            return self.fail(span.clone(), "`signs` has `{id}`, but no `[id]` table tells where it stands");
        }
        if id.is_some() && id_in_syntax {
            return self.fail(span.clone(), "the id has two places: `[id]` and the signature's layout");
        }
        if id.is_some() && !signature.parts.contains(&Part::Id) {
            return self
                .fail(span.clone(), "`signs` has no `{id}`: name an id that is not signed under `[event]` instead");
        }
        if signature.source.is_in_body() && signature.parts.iter().any(Part::covers_body) {
            return self.fail(span.clone(), "a signature cannot cover the body that it stands in");
        }
        Ok(())
    }

    fn body_is_covered(
        &self,
        signature: &Signature,
        covered: bool,
        statements: &Statements,
        span: &Range<usize>,
    ) -> Result<()> {
        let signs_nothing = signature.parts.is_empty();
        match &statements.covers_body {
            Some(stated) if *stated.get_ref() != covered => self.fail(
                stated.span(),
                format!(
                    "what `signs` and the checks say is that the body is {}covered",
                    if covered { "" } else { "not " }
                ),
            ),
            None if !covered && !signs_nothing => self.fail(
                span.clone(),
                "the signature does not cover the body; if the provider's does not, say so with `covers_body = false`",
            ),
            _ => Ok(()),
        }
    }

    fn framing(
        &self,
        signature: &Signature,
        timestamp: Option<&TimestampRule>,
        stated: Option<Spanned<String>>,
        span: &Range<usize>,
    ) -> Result<(Vec<Guard>, Option<String>)> {
        let Framing { guards, open } = Framing::of(&signature.parts, timestamp.map(|rule| rule.format));
        match (open, stated) {
            (None, None) => Ok((guards, None)),
            (None, Some(stated)) => self.fail(stated.span(), "the signed parts can be told apart: leave `ambiguous` out"),
            (Some(_), Some(stated)) => Ok((guards, Some(stated.into_inner()))),
            (Some(problem), None) => self.fail(
                span.clone(),
                format!("{problem}, so one signature fits several requests; if the provider's scheme is like that, say why that can be borne with `ambiguous = \"…\"`"),
            ),
        }
    }

    fn field(&self, template: &Spanned<String>, reach: &Reach, checks: &[Check]) -> Result<Field> {
        let placeholder = match pieces(template.get_ref()).as_deref() {
            Ok([Piece::Placeholder { name, argument, .. }]) => Some((*name, *argument)),
            _ => None,
        };
        match placeholder {
            Some(("id", None)) if reach.has_id() => {
                let covered = reach.covers_id() && !reach.is_ambiguous;
                Ok(Field { source: FieldSource::DeliveryId, covered })
            }
            Some((name, Some(argument))) if Source::from_placeholder(name, argument).is_some() => {
                let source = Source::from_placeholder(name, argument)
                    .unwrap_or_else(|| Err(String::new()))
                    .map_err(|message| self.error(template.span(), message))?;
                let covered = reach.covers(&source) || (source.is_in_body() && reach.covers_hash_of_body(checks));
                Ok(Field { source: FieldSource::At(source), covered: covered && !reach.is_ambiguous })
            }
            _ => self.fail(
                template.span(),
                "expected one of \"{header:NAME}\", \"{query:NAME}\", \"{json:/POINTER}\", \"{form:NAME}\" and, with an `[id]` table, \"{id}\"",
            ),
        }
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
            Some(forms) if !signature.parts.contains(&Part::Url) => {
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
            Some(table) if !signature.parts.contains(&Part::FormSorted) => {
                return self.fail(table.span(), "`signs` has no `{form-sorted}` that this could describe");
            }
            table => table.map(Spanned::into_inner).unwrap_or_default(),
        };
        Ok(FormRule { between: table.between, after: table.after, dedupe: table.dedupe })
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
            strip: table.strip,
            prefix_required: table.prefix_required.is_some_and(Spanned::into_inner),
            encoding,
            hash: table.hash.map(|name| self.digest(&name)).transpose()?,
            prepend: table.prepend.map(Spanned::into_inner).unwrap_or_default(),
            append: table.append.map(Spanned::into_inner).unwrap_or_default(),
        })
    }

    fn secret_encoding(&self, name: &Spanned<String>) -> Result<Option<Encoding>> {
        match name.get_ref().as_str() {
            "utf8" => Ok(None),
            text => Encoding::from_name(text).map(Some).ok_or_else(|| {
                self.error(
                    name.span(),
                    format!("unknown encoding `{text}`; expected `utf8`, `base64`, `base64url`, `hex` or a variant"),
                )
            }),
        }
    }

    fn digest(&self, name: &Spanned<String>) -> Result<Digest> {
        Digest::from_name(name.get_ref()).ok_or_else(|| {
            self.error(name.span(), format!("unknown hash `{}`; expected `sha1`, `sha256` or `sha512`", name.get_ref()))
        })
    }

    fn place(&self, place: super::file::Place, span: &Range<usize>) -> Result<Option<Source>> {
        Source::from_place(place).map_err(|message| self.error(span.clone(), message))
    }

    fn in_template(&self, template: &Spanned<String>, error: &TemplateError) -> SchemeError {
        // One byte for the quotation mark; escapes in front of the place would shift it, and are rare here.
        let start = template.span().start + 1 + error.offset;
        self.error(start..start, error.message.clone())
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> SchemeError {
        SchemeError::at(self.text, span, message)
    }

    fn fail<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T> {
        Err(self.error(span, message))
    }
}

/// What the file says of its own weaknesses; it must agree with what is computed.
struct Statements {
    covers_body: Option<Spanned<bool>>,
    ambiguous: Option<Spanned<String>>,
}

/// What the signature reaches.
struct Reach<'a> {
    parts: &'a [Part],
    timestamp: Option<&'a TimestampRule>,
    id: Option<&'a Source>,
    /// Whether parts can run into each other, so that what a value is depends on who reads it.
    is_ambiguous: bool,
    /// Whether the URL is signed in a form in which characters that mean something in a query are decoded.
    moves_query: bool,
}

impl Reach<'_> {
    fn covers(&self, source: &Source) -> bool {
        if self.moves_query && matches!(source, Source::Query(_)) && !self.parts.contains(&Part::Value(source.clone()))
        {
            return false;
        }
        let is_timestamp = self.parts.contains(&Part::Timestamp)
            && self.timestamp.is_some_and(|rule| rule.source.as_ref() == Some(source));
        let is_id = self.parts.contains(&Part::Id) && self.id == Some(source);
        is_timestamp || is_id || self.parts.iter().any(|part| part.covers(source))
    }

    fn covers_body(&self, checks: &[Check]) -> bool {
        self.parts.iter().any(Part::covers_body) || self.covers_hash_of_body(checks)
    }

    fn covers_hash_of_body(&self, checks: &[Check]) -> bool {
        checks.iter().any(|check| self.covers(&check.source))
    }

    fn has_id(&self) -> bool {
        self.id.is_some() || self.parts.contains(&Part::Id)
    }

    fn covers_id(&self) -> bool {
        self.parts.contains(&Part::Id) || self.id.is_some_and(|source| self.covers(source))
    }
}

const NO_PLACE: &str = "expected `header`, `query`, `json` or `form`: where in the request it stands";

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
            ("[url]\n\ndecode = \"x\"", 10),
            ("\n\n[form]\ndedupe = true", 1),
        ] {
            let error = read("a".to_owned(), &format!("{SIGNATURE}{keys}")).unwrap_err();
            assert_eq!((error.line(), error.column()), (9, column), "{keys}: {error}");
        }
    }
}
