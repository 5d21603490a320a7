//! Reads `[http-signature]`: what an HTTP Message Signature must cover and contain.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::{Reader, Result};
use crate::{
    http_signature::{Component, HttpAlgorithm, ParameterName},
    scheme::{Algorithm, Expected, HttpSignatureRule, file::HttpSignatureTable},
};

impl Reader<'_> {
    pub(super) fn http_signature(
        &self,
        table: Option<Spanned<HttpSignatureTable>>,
        algorithm: &Algorithm,
        settings: &BTreeMap<String, String>,
        span: &Range<usize>,
    ) -> Result<HttpSignatureRule> {
        let table = match (table, *algorithm == Algorithm::HttpSignature) {
            (None, false) => return Ok(HttpSignatureRule::default()),
            (None, true) => {
                let message = "expected an `[http-signature]` table with the `algorithms` that are allowed";
                return self.fail(span.clone(), message);
            }
            (Some(table), false) => {
                return self.fail(table.span(), "the algorithm is not `http-signature`: leave `[http-signature]` out");
            }
            (Some(table), true) => table,
        };
        let span = table.span();
        let table = table.into_inner();
        let algorithms = table.algorithms.iter().map(|name| self.http_algorithm(name)).collect::<Result<Vec<_>>>()?;
        let secrets = algorithms.iter().filter(|algorithm| **algorithm == HttpAlgorithm::HmacSha256).count();
        if algorithms.is_empty() || (secrets > 0 && secrets < algorithms.len()) {
            return self.fail(span, "expected `hmac-sha256` alone, or algorithms that take a public key");
        }
        let components = table.components.iter().map(|text| self.component(text)).collect::<Result<Vec<_>>>()?;
        let key_id = table.key_id.map(|text| self.expected(text.get_ref(), &text.span(), settings)).transpose()?;
        if key_id == Some(Expected::Url) {
            return self.fail(span, "expected a text or `{setting:NAME}` as `key_id`");
        }
        let requires = table.requires.iter().map(|name| self.parameter(name)).collect::<Result<Vec<_>>>()?;
        Ok(HttpSignatureRule {
            algorithms,
            components,
            label: table.label,
            key_id,
            tag: table.tag,
            requires,
            leeway: table.leeway.unwrap_or_default(),
            max_age: table.max_age,
        })
    }

    fn http_algorithm(&self, name: &Spanned<String>) -> Result<HttpAlgorithm> {
        let text = name.get_ref();
        let found = HttpAlgorithm::from_name(text).ok_or_else(|| {
            let names = HttpAlgorithm::ALL.map(HttpAlgorithm::name).join("`, `");
            self.error(name.span(), format!("unknown algorithm `{text}`; expected one of `{names}`"))
        })?;
        match found {
            HttpAlgorithm::Public(algorithm) => match algorithm.missing_feature() {
                Some(feature) => Err(self.not_built(name.span(), text, feature)),
                None => Ok(found),
            },
            HttpAlgorithm::HmacSha256 => Ok(found),
        }
    }

    fn component(&self, text: &Spanned<String>) -> Result<Component> {
        Component::parse(text.get_ref()).ok_or_else(|| {
            let expected = "`@method`, `@target-uri`, `@authority`, `@scheme`, `@request-target`, `@path`, `@query`, \
                            `@query-param;name=\"NAME\"`, or a header in lower case, optionally with `;sf`, `;bs` or `;key=\"NAME\"`";
            self.error(text.span(), format!("`{}` is not a component; expected {expected}", text.get_ref()))
        })
    }

    fn parameter(&self, name: &Spanned<String>) -> Result<ParameterName> {
        ParameterName::from_name(name.get_ref()).ok_or_else(|| {
            let expected = "`created`, `expires`, `nonce`, `alg`, `keyid` or `tag`";
            self.error(name.span(), format!("unknown parameter `{}`; expected {expected}", name.get_ref()))
        })
    }
}
