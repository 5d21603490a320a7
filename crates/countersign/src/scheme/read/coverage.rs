//! What the signature covers, and whether the file says so.

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
    pub(super) fn body_is_covered(
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

    pub(super) fn event(
        &self,
        table: EventTable,
        reach: &Reach,
        checks: &[Check],
        span: &Range<usize>,
    ) -> Result<EventFields> {
        let id = table.id.map(|field| self.field(&field, reach, checks)).transpose()?;
        let kind = table.kind.map(|field| self.field(&field, reach, checks)).transpose()?;
        let unsigned = Unsigned {
            // A token covers nothing anyway.
            body: !reach.covers_body(checks) && (!reach.signature.parts.is_empty() || reach.is_message()),
            id: id.as_ref().is_some_and(Field::is_unsigned_beside_body),
            kind: kind.as_ref().is_some_and(Field::is_unsigned_beside_body),
        };
        let told_apart_by = self.told_apart_by(table.told_apart_by, unsigned, reach, span)?;
        Ok(EventFields { id, kind, told_apart_by })
    }

    /// What tells events apart: to be stated where the signature leaves the body out and no signed id must be there.
    fn told_apart_by(
        &self,
        stated: Option<Spanned<ToldApartBy>>,
        unsigned: Unsigned,
        reach: &Reach,
        span: &Range<usize>,
    ) -> Result<Option<ToldApartBy>> {
        match stated {
            Some(stated) if reach.has_id() => self.fail(stated.span(), "the signed id tells events apart: leave `told_apart_by` out"),
            Some(stated) => self.tells_apart(&stated, unsigned, reach),
            None if unsigned.body && !reach.has_id() => self.fail(
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
        reach: &Reach,
    ) -> Result<Option<ToldApartBy>> {
        let signs_time = reach.timestamp.is_some() || reach.signature.algorithm == Algorithm::Jwt;
        let problem = match stated.get_ref() {
            ToldApartBy::SignedContent if !unsigned.body => {
                "that is the default where the body is signed: leave it out"
            }
            ToldApartBy::SignedContent | ToldApartBy::UnsignedType if unsigned.body && !reach.signs_values() => {
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

    pub(super) fn framing(
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

    fn field(&self, template: &Spanned<String>, reach: &Reach, checks: &[Check]) -> Result<Field> {
        let placeholder = match pieces(template.get_ref()).as_deref() {
            Ok([Piece::Placeholder { name, argument, .. }]) => Some((*name, *argument)),
            _ => None,
        };
        if let Some(("id", None)) = placeholder
            && reach.has_id()
        {
            // One that is not signed is refused where it is read.
            return Ok(Field { source: FieldSource::DeliveryId, covered: !reach.is_ambiguous });
        }
        let source = placeholder.and_then(|(name, argument)| Source::from_placeholder(name, argument?));
        match source {
            Some(source) => {
                let source = source.map_err(|message| self.error(template.span(), message))?;
                let source = self.claim_of_token(source, reach.signature, &template.span())?;
                let covered = reach.covers(&source) || (source.is_in_body() && reach.covers_hash_of_body(checks));
                Ok(Field { source: FieldSource::At(source), covered: covered && !reach.is_ambiguous })
            }
            None => self.fail(
                template.span(),
                "expected one of \"{header:NAME}\", \"{query:NAME}\", \"{json:/POINTER}\", \"{form:NAME}\", \"{claim:/POINTER}\" and, with an `[id]` table, \"{id}\"",
            ),
        }
    }
}

/// What the file says of its own weaknesses; it must agree with what is computed.
pub(super) struct Statements {
    pub(super) covers_body: Option<Spanned<bool>>,
    pub(super) ambiguous: Option<Spanned<String>>,
}

/// Where a delivery tells its event.
pub(super) struct EventFields {
    pub(super) id: Option<Field>,
    pub(super) kind: Option<Field>,
    pub(super) told_apart_by: Option<ToldApartBy>,
}

/// What takes part in telling events apart only if the file says so.
#[derive(Clone, Copy)]
struct Unsigned {
    /// The body. Where nothing is signed, it takes part in any case.
    body: bool,
    /// An id that stands beside the body.
    id: bool,
    /// A type that stands beside the body.
    kind: bool,
}

/// What the signature reaches.
pub(super) struct Reach<'a> {
    pub(super) signature: &'a Signature,
    pub(super) http: &'a HttpSignatureRule,
    pub(super) form: &'a FormRule,
    pub(super) timestamp: Option<&'a TimestampRule>,
    pub(super) id: Option<&'a Source>,
    /// Whether parts can run into each other, so that what a value is depends on who reads it.
    pub(super) is_ambiguous: bool,
    /// Whether the URL is signed in a form in which characters that mean something in a query are decoded.
    pub(super) moves_query: bool,
}

impl Reach<'_> {
    fn signs(&self, wanted: &Part) -> bool {
        self.signature.parts.contains(wanted)
    }

    pub(super) fn covers(&self, source: &Source) -> bool {
        // What has claims signs them.
        if matches!(source, Source::Claim(_)) {
            return true;
        }
        if self.moves_query && matches!(source, Source::Query(_)) && !self.signs(&Part::Value(source.clone())) {
            return false;
        }
        let always_signs = |wanted| self.signature.parts.iter().any(|part| part.always_writes(wanted, Some(source)));
        let is_timestamp =
            self.timestamp.is_some_and(|rule| rule.source.as_ref() == Some(source)) && always_signs(&Part::Timestamp);
        let is_id = self.id == Some(source) && always_signs(&Part::Id);
        is_timestamp || is_id || self.http.covers(source) || self.signature.parts.iter().any(|part| part.covers(source))
    }

    pub(super) fn covers_body(&self, checks: &[Check]) -> bool {
        let is_token = self.signature.source == Source::Body;
        is_token
            || self.http.covers_body()
            || self.signature.parts.iter().any(|part| part.covers_body(self.form))
            || self.covers_hash_of_body(checks)
    }

    fn covers_hash_of_body(&self, checks: &[Check]) -> bool {
        let is_certain = |check: &&Check| !check.optional && check.is_of_body();
        checks.iter().filter(is_certain).any(|check| self.covers(&check.source))
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
