//! Reads `[[check]]`: values that must match in addition to the signature.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::{Reader, Result};
use crate::scheme::{
    Check, Equals, HashEncoding, Hashed, Part, Signature, Source,
    file::{CheckTable, JwtTable},
};

impl Reader<'_> {
    pub(super) fn checks(
        &self,
        tables: Vec<Spanned<CheckTable>>,
        signature: &Signature,
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
            let check = self.check(table, signature, settings)?;
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

    fn check(
        &self,
        table: Spanned<CheckTable>,
        signature: &Signature,
        settings: &BTreeMap<String, String>,
    ) -> Result<Check> {
        let span = table.span();
        let mut table = table.into_inner();
        let source = self.place_or_claim(table.place(), signature, &span)?;
        let span = table.equals.span();
        let texts = table.equals.into_inner().into_vec();
        let parse = |text: &String| Part::parse_all(text).map_err(|error| self.wrong_template(span.clone(), error));
        let texts = texts.iter().map(parse).collect::<Result<Vec<_>>>()?;
        let is_body = matches!(texts.as_slice(), [text] if *text == [Part::Body]);
        let equals = match &source {
            Source::Claim(_) if is_body => Equals::Body,
            _ => self.equals(texts, span)?,
        };
        let if_set = match table.if_set {
            Some(name) if matches!(equals, Equals::Body | Equals::BodyHash(..)) => {
                return self.fail(name.span(), "`if_set` is for a check of a text: a check of the body always applies");
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
                "expected a hash of the body, such as \"{sha256-hex:body}\" (or one hash in several encodings), \"{body}\" for a claim that is the body itself, or text without the body",
            ),
        }
    }
}
