//! Reads `[jwt]`: what a token must contain.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::{Reader, Result};
use crate::{
    jws::{B64, JwsAlgorithm, JwsKey},
    jwt::takes_secret,
    scheme::{
        Algorithm, JwtRule,
        file::JwtTable,
        jwt::Expected,
        template::{Piece, pieces},
    },
};

impl Reader<'_> {
    pub(super) fn jwt(
        &self,
        table: Option<Spanned<JwtTable>>,
        algorithm: &Algorithm,
        settings: &BTreeMap<String, String>,
        span: &Range<usize>,
    ) -> Result<JwtRule> {
        let carries_token = matches!(algorithm, Algorithm::Jwt | Algorithm::DetachedJws);
        let table = match (table, carries_token) {
            (None, false) => return Ok(JwtRule::default()),
            (None, true) => {
                return self.fail(span.clone(), "expected a `[jwt]` table with the `algorithms` that are allowed");
            }
            (Some(table), false) => return self.fail(table.span(), "this scheme carries no token: leave `[jwt]` out"),
            (Some(table), true) => table,
        };
        let span = table.span();
        let table = table.into_inner();
        let algorithms = table.algorithms.iter().map(|name| self.jws_algorithm(name)).collect::<Result<Vec<_>>>()?;
        if algorithms.is_empty() {
            return self.fail(span, "expected at least one algorithm: a token without a signature proves nothing");
        }
        let is_public = |algorithm: &JwsAlgorithm| matches!(algorithm.key(), JwsKey::Public(_));
        if takes_secret(&algorithms) && algorithms.iter().any(is_public) {
            let message = "some algorithms take a secret and others a public key, which would be a secret that everybody knows: \
                           write a scheme for each";
            return self.fail(span, message);
        }
        let issuers = match table.issuer {
            Some(issuer) => {
                let span = issuer.span();
                let texts = issuer.into_inner().into_vec().into_iter();
                texts.map(|text| self.expected(&text, &span, settings)).collect::<Result<Vec<_>>>()?
            }
            None => Vec::new(),
        };
        let audience =
            table.audience.map(|audience| self.expected(audience.get_ref(), &audience.span(), settings)).transpose()?;
        let requires = table.requires.into_iter().map(Spanned::into_inner).collect();
        let (leeway, max_age) = (table.leeway, table.max_age);
        let b64 = match table.b64_without_crit {
            Some(without) if matches!(algorithm, Algorithm::Jwt) => {
                return self.fail(without.span(), "the payload of a token is always encoded: leave this out");
            }
            Some(without) if *without.get_ref() => B64::Alone,
            _ => B64::Critical,
        };
        Ok(JwtRule { algorithms, issuers, audience, requires, leeway, max_age, b64 })
    }

    fn jws_algorithm(&self, name: &Spanned<String>) -> Result<JwsAlgorithm> {
        let text = name.get_ref();
        JwsAlgorithm::from_name(text).ok_or_else(|| {
            let expected = "`HS256`, `RS256`, `PS256`, `ES256`, `EdDSA` or a variant";
            self.error(name.span(), format!("unknown algorithm `{text}`; expected {expected}"))
        })
    }

    /// A text, `{setting:NAME}` or `{url}`.
    pub(super) fn expected(
        &self,
        text: &str,
        span: &Range<usize>,
        settings: &BTreeMap<String, String>,
    ) -> Result<Expected> {
        match pieces(text).as_deref() {
            Ok([Piece::Literal(text)]) => Ok(Expected::Text((*text).to_owned())),
            Ok([Piece::Placeholder { name: "url", argument: None, .. }]) => Ok(Expected::Url),
            Ok([Piece::Placeholder { name: "setting", argument: Some(name), .. }]) => {
                self.setting_is_declared(name, span, settings)?;
                Ok(Expected::Setting((*name).to_owned()))
            }
            _ => self.fail(span.clone(), "expected a text, `{setting:NAME}` or `{url}`"),
        }
    }
}
