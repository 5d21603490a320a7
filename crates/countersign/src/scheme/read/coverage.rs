//! Computes what the signature covers, and checks that the file states the same.

use std::ops::Range;

use toml::Spanned;

use super::{Reader, Result};
use crate::{
    http_signature::Component,
    scheme::{
        Algorithm, Check, Field, FieldSource, FormRule, Guard, HttpSignatureRule, Part, Signature, Source,
        TimestampRule, ToldApartBy,
        file::EventTable,
        framing::Framing,
        template::{Piece, pieces},
    },
};

impl Reader<'_> {
    /// Compares the statements of the file with what is computed, and reads the fields of the event.
    pub(super) fn covered(
        &self,
        coverage: &Coverage,
        statements: Statements,
        event: EventTable,
        span: &Range<usize>,
    ) -> Result<Covered> {
        let covers_body = coverage.covers_body();
        self.body_is_covered(coverage.signature, covers_body, &statements, span)?;
        let (guards, ambiguous) =
            self.framing(coverage.signature, coverage.timestamp, coverage.form, statements.ambiguous, span)?;
        let event = self.event(event, coverage, span)?;
        Ok(Covered { covers_body, guards, ambiguous, event })
    }

    fn body_is_covered(
        &self,
        signature: &Signature,
        covered: bool,
        statements: &Statements,
        span: &Range<usize>,
    ) -> Result<()> {
        let signs_nothing = matches!(signature.algorithm, Algorithm::Token | Algorithm::Basic);
        match &statements.covers_body {
            Some(stated) if *stated.get_ref() != covered => self.fail(
                stated.span(),
                format!(
                    "`covers_body` is wrong: according to `signs` and the checks, the body is {}covered",
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

    fn event(&self, table: EventTable, coverage: &Coverage, span: &Range<usize>) -> Result<EventFields> {
        let id = table.id.map(|field| self.field(&field, coverage)).transpose()?;
        let kind = table.kind.map(|field| self.field(&field, coverage)).transpose()?;
        let unsigned = Unsigned {
            // A token signs nothing, so it takes no part here.
            body: !coverage.covers_body() && (!coverage.signature.parts.is_empty() || coverage.is_message()),
            id: id.as_ref().is_some_and(Field::is_unsigned_beside_body),
            kind: kind.as_ref().is_some_and(Field::is_unsigned_beside_body),
        };
        let told_apart_by = self.told_apart_by(table.told_apart_by, unsigned, coverage, span)?;
        Ok(EventFields { id, kind, told_apart_by })
    }

    /// What tells events apart. The file must state it if the signature leaves the body out and there is no signed id.
    fn told_apart_by(
        &self,
        stated: Option<Spanned<ToldApartBy>>,
        unsigned: Unsigned,
        coverage: &Coverage,
        span: &Range<usize>,
    ) -> Result<Option<ToldApartBy>> {
        match stated {
            Some(stated) if coverage.has_id() => self.fail(stated.span(), "the signed id tells events apart: leave `told_apart_by` out"),
            Some(stated) => self.tells_apart(&stated, unsigned, coverage),
            None if unsigned.body && !coverage.has_id() => self.fail(
                span.clone(),
                "the signature leaves the body out, so say under `[event]` what tells events apart: `told_apart_by = \"signed-content\"` if no two events have the same signed content, `\"unsigned-values\"` if some have",
            ),
            None => Ok(None),
        }
    }

    fn tells_apart(
        &self,
        stated: &Spanned<ToldApartBy>,
        unsigned: Unsigned,
        coverage: &Coverage,
    ) -> Result<Option<ToldApartBy>> {
        let signs_time = coverage.timestamp.is_some() || coverage.signature.algorithm == Algorithm::Jwt;
        let problem = match stated.get_ref() {
            ToldApartBy::SignedContent if !unsigned.body => {
                "that is the default where the body is signed: leave it out"
            }
            ToldApartBy::SignedContent | ToldApartBy::UnsignedType if unsigned.body && !coverage.signs_values() => {
                "apart from the time and the secret, the signed content is the same for all events: use `unsigned-values`"
            }
            ToldApartBy::SignedTime if !signs_time => "no time is signed: use `unsigned-values` or `nothing`",
            ToldApartBy::UnsignedValues if !unsigned.body && !unsigned.id && !unsigned.kind => {
                "the body tells events apart, and there is no unsigned id or type outside the body: leave `told_apart_by` out"
            }
            ToldApartBy::UnsignedType if !unsigned.kind => {
                "there is no unsigned type outside the body: leave `told_apart_by` out"
            }
            told => return Ok(Some(*told)),
        };
        self.fail(stated.span(), problem)
    }

    fn framing(
        &self,
        signature: &Signature,
        timestamp: Option<&TimestampRule>,
        form: &FormRule,
        stated: Option<Spanned<String>>,
        span: &Range<usize>,
    ) -> Result<(Vec<Guard>, Option<String>)> {
        let Framing { guards, open } =
            Framing::of(&signature.parts, timestamp.map(|rule| rule.format), form.is_framed());
        match (open, stated) {
            (None, None) => Ok((guards, None)),
            (None, Some(stated)) => self.fail(stated.span(), "the signed parts can be told apart: leave `ambiguous` out"),
            (Some(_), Some(stated)) => Ok((guards, Some(stated.into_inner()))),
            (Some(problem), None) => self.fail(
                span.clone(),
                format!("{problem}, so one signature fits several requests; if the provider's scheme is like that, say why that is acceptable with `ambiguous = \"…\"` under `[signature]`"),
            ),
        }
    }

    fn field(&self, template: &Spanned<String>, coverage: &Coverage) -> Result<Field> {
        let placeholder = match pieces(template.get_ref()).as_deref() {
            Ok([Piece::Placeholder { name, argument, .. }]) => Some((*name, *argument)),
            _ => None,
        };
        if let Some(("id", None)) = placeholder
            && coverage.has_id()
        {
            // An unsigned id was refused when `[id]` was read.
            return Ok(Field { source: FieldSource::DeliveryId, covered: !coverage.is_ambiguous });
        }
        let source = placeholder.and_then(|(name, argument)| Source::from_placeholder(name, argument?));
        match source {
            Some(source) => {
                let source = source.map_err(|message| self.error(template.span(), message))?;
                let source = self.claim_of_token(source, coverage.signature, &template.span())?;
                let covered = coverage.covers(&source) || (source.is_in_body() && coverage.covers_hash_of_body());
                Ok(Field { source: FieldSource::At(source), covered: covered && !coverage.is_ambiguous })
            }
            None => self.fail(
                template.span(),
                "expected one of \"{header:NAME}\", \"{query:NAME}\", \"{json:/POINTER}\", \"{form:NAME}\", \"{claim:/POINTER}\" and, with an `[id]` table, \"{id}\"",
            ),
        }
    }
}

/// The weaknesses that the file states. They must agree with what is computed.
pub(super) struct Statements {
    pub(super) covers_body: Option<Spanned<bool>>,
    pub(super) ambiguous: Option<Spanned<String>>,
}

/// What the signature covers, and what follows from it.
pub(super) struct Covered {
    pub(super) covers_body: bool,
    pub(super) guards: Vec<Guard>,
    /// Why an open border between signed parts is acceptable, if there is one.
    pub(super) ambiguous: Option<String>,
    pub(super) event: EventFields,
}

/// The fields of a delivery that identify its event.
pub(super) struct EventFields {
    pub(super) id: Option<Field>,
    pub(super) kind: Option<Field>,
    pub(super) told_apart_by: Option<ToldApartBy>,
}

/// The values that tell events apart only if the file says so.
#[derive(Clone, Copy)]
struct Unsigned {
    /// The body. Where nothing is signed, it always takes part.
    body: bool,
    /// An id outside the body.
    id: bool,
    /// A type outside the body.
    kind: bool,
}

/// The rules of a scheme that decide what the signature covers.
pub(super) struct Coverage<'a> {
    pub(super) signature: &'a Signature,
    pub(super) http: &'a HttpSignatureRule,
    pub(super) form: &'a FormRule,
    pub(super) timestamp: Option<&'a TimestampRule>,
    pub(super) id: Option<&'a Source>,
    pub(super) checks: &'a [Check],
    /// Whether parts can run into each other, so that two readers can read different values.
    pub(super) is_ambiguous: bool,
    /// Whether the URL is signed in a form in which the special characters of a query are decoded.
    pub(super) decodes_query: bool,
}

impl Coverage<'_> {
    fn signs(&self, wanted: &Part) -> bool {
        self.signature.parts.contains(wanted)
    }

    fn covers(&self, source: &Source) -> bool {
        // Only tokens have claims, and a token signs them.
        if matches!(source, Source::Claim(_)) {
            return true;
        }
        if self.decodes_query && matches!(source, Source::Query(_)) && !self.signs(&Part::Value(source.clone())) {
            return false;
        }
        let always_signs = |wanted| self.signature.parts.iter().any(|part| part.always_writes(wanted, Some(source)));
        let is_timestamp =
            self.timestamp.is_some_and(|rule| rule.source.as_ref() == Some(source)) && always_signs(&Part::Timestamp);
        let is_id = self.id == Some(source) && always_signs(&Part::Id);
        is_timestamp || is_id || self.http.covers(source) || self.signature.parts.iter().any(|part| part.covers(source))
    }

    fn covers_body(&self) -> bool {
        let is_token = self.signature.source == Source::Body;
        is_token
            || self.http.covers_body()
            || self.signature.parts.iter().any(|part| part.covers_body(self.form))
            || self.covers_hash_of_body()
    }

    fn covers_hash_of_body(&self) -> bool {
        let is_certain = |check: &&Check| !check.optional && check.is_of_body();
        self.checks.iter().filter(is_certain).any(|check| self.covers(&check.source))
    }

    /// Whether anything is signed that can differ from event to event.
    fn signs_values(&self) -> bool {
        let is_fixed = |part: &Part| {
            matches!(part, Part::Literal(_) | Part::Secret | Part::Setting(_) | Part::Timestamp | Part::Method)
        };
        let is_group = |part: &Part| matches!(part, Part::Sorted(_) | Part::When(..));
        self.signature.parts.iter().any(|part| part.any(&|part| !is_fixed(part) && !is_group(part)))
            || self.http.components.iter().any(Component::tells_events_apart)
    }

    fn is_message(&self) -> bool {
        matches!(self.signature.algorithm, Algorithm::HttpSignature)
    }

    fn has_id(&self) -> bool {
        self.id.is_some() || self.signature.carries_id
    }
}
