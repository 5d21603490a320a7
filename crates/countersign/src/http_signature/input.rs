//! A member of `Signature-Input`: the covered components, and the parameters.

use std::sync::Arc;

use super::{Component, HttpAlgorithm, SIGNATURE_INPUT, malformed};
use crate::{
    key::ReadyKey,
    rejection::{Problem, Rejection},
    scheme::HttpSignatureRule,
    structured_fields::{Bare, Member, Value},
    timestamp::{Timestamp, Tolerance, not_ahead},
};

/// The most components that a signature may cover, because each is looked up. A request has about ten that are worth
/// covering.
const MAX_COMPONENTS: usize = 32;

/// A member of `Signature-Input`.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) label: String,
    pub(super) components: Vec<Component>,
    pub(super) parameters: Parameters,
    /// The value of the member, as the header has it: it is signed.
    pub(super) text: String,
}

/// The parameters of RFC 9421 section 2.3.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    pub(super) created: Option<Timestamp>,
    expires: Option<Timestamp>,
    nonce: Option<String>,
    pub(super) algorithm: Option<HttpAlgorithm>,
    pub(super) key_id: Option<String>,
    tag: Option<String>,
}

/// The ids that a signature may use to name its key.
#[derive(Clone, Copy)]
pub(crate) struct KeyIds<'a> {
    /// The id of all keys that have none of their own.
    pub(crate) common: Option<&'a str>,
    /// The keys; empty if they are still to be fetched.
    pub(crate) keys: &'a [ReadyKey],
}

impl KeyIds<'_> {
    fn have(&self, named: Option<&str>) -> bool {
        let is_common = || self.common.is_none_or(|id| named == Some(id));
        self.keys.iter().any(|key| key.is_meant_by(named, self.common)) || (self.keys.is_empty() && is_common())
    }
}

impl Input {
    pub(super) fn read(member: &Member) -> Result<Self, Rejection> {
        let layout = || malformed(&SIGNATURE_INPUT, Problem::Layout);
        let Value::List(items, parameters) = &member.value else {
            return Err(layout());
        };
        if items.len() > MAX_COMPONENTS {
            return Err(malformed(&SIGNATURE_INPUT, Problem::TooMany));
        }
        let mut components: Vec<Component> = Vec::with_capacity(items.len());
        for item in items {
            let component = Component::read(item).ok_or_else(layout)?;
            // RFC 9421 section 2: each component identifier must occur only once.
            if components.contains(&component) {
                return Err(malformed(&SIGNATURE_INPUT, Problem::Conflicting));
            }
            components.push(component);
        }
        let parameters = Parameters::read(parameters)?;
        Ok(Self { label: member.name.clone(), components, parameters, text: member.text.clone() })
    }

    /// Whether the signature has everything that the scheme demands.
    pub(super) fn fits(&self, rule: &HttpSignatureRule, ids: KeyIds<'_>) -> Result<(), Rejection> {
        let covers = |wanted: &Component| self.components.contains(wanted);
        if !rule.components.iter().all(covers) {
            return Err(malformed(&SIGNATURE_INPUT, Problem::Uncovered));
        }
        if self.parameters.algorithm.is_some_and(|algorithm| !rule.algorithms.contains(&algorithm)) {
            return Err(malformed(&SIGNATURE_INPUT, Problem::UnknownVersion));
        }
        if rule.requires.iter().any(|name| !self.parameters.has(*name)) {
            return Err(malformed(&SIGNATURE_INPUT, Problem::Missing));
        }
        if rule.tag.is_some() && rule.tag != self.parameters.tag {
            return Err(Rejection::UnexpectedValue { place: parameter("tag") });
        }
        if ids.have(self.parameters.key_id.as_deref()) { Ok(()) } else { Err(Rejection::UnknownKey) }
    }
}

/// A parameter that a scheme can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterName {
    Created,
    Expires,
    Nonce,
    Alg,
    KeyId,
    Tag,
}

impl ParameterName {
    const ALL: [Self; 6] = [Self::Created, Self::Expires, Self::Nonce, Self::Alg, Self::KeyId, Self::Tag];

    /// Its name in headers and scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Expires => "expires",
            Self::Nonce => "nonce",
            Self::Alg => "alg",
            Self::KeyId => "keyid",
            Self::Tag => "tag",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|parameter| parameter.name() == name)
    }
}

impl Parameters {
    /// An unknown parameter is refused, because it might change the verdict.
    fn read(parameters: &[(String, Bare)]) -> Result<Self, Rejection> {
        let mut read = Self::default();
        for (name, value) in parameters {
            match (name.as_str(), value) {
                ("created", value) => read.created = Some(time("created", value)?),
                ("expires", value) => read.expires = Some(time("expires", value)?),
                ("nonce", Bare::Text(text)) => read.nonce = Some(text.clone()),
                ("keyid", Bare::Text(text)) => read.key_id = Some(text.clone()),
                ("tag", Bare::Text(text)) => read.tag = Some(text.clone()),
                ("alg", Bare::Text(text)) => {
                    let algorithm = HttpAlgorithm::from_name(text);
                    read.algorithm =
                        Some(algorithm.ok_or_else(|| malformed(&SIGNATURE_INPUT, Problem::UnknownVersion))?);
                }
                _ => return Err(malformed(&SIGNATURE_INPUT, Problem::Layout)),
            }
        }
        Ok(read)
    }

    fn has(&self, name: ParameterName) -> bool {
        match name {
            // `check_times` reports a missing time.
            ParameterName::Created => true,
            ParameterName::Expires => self.expires.is_some(),
            ParameterName::Nonce => self.nonce.is_some(),
            ParameterName::Alg => self.algorithm.is_some(),
            ParameterName::KeyId => self.key_id.is_some(),
            ParameterName::Tag => self.tag.is_some(),
        }
    }

    /// Checks the times against the clock; each window includes both its ends.
    pub(super) fn check_times(
        &self,
        rule: &HttpSignatureRule,
        tolerance: Option<Tolerance>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match (self.created, tolerance) {
            (Some(created), Some(tolerance)) => tolerance.check(created, now)?,
            (Some(created), None) => not_ahead(created, rule.leeway, now)?,
            (None, tolerance) if tolerance.is_some() || rule.requires.contains(&ParameterName::Created) => {
                return Err(malformed_time("created", Problem::Missing));
            }
            (None, _) => {}
        }
        match self.expires.and_then(|expires| now.since(expires)) {
            Some(past) if past > rule.leeway => {
                Err(Rejection::Expired { place: parameter("expires"), ago: past, leeway: rule.leeway })
            }
            _ => Ok(()),
        }
    }
}

/// Whole seconds since 1970 (RFC 9421 section 2.3).
fn time(name: &str, value: &Bare) -> Result<Timestamp, Rejection> {
    match value {
        Bare::Integer(seconds @ 0..) => Ok(Timestamp::from_unix_seconds(*seconds)),
        _ => Err(malformed_time(name, Problem::Encoding)),
    }
}

fn malformed_time(name: &str, problem: Problem) -> Rejection {
    Rejection::MalformedTimestamp { place: parameter(name), problem, expected: "whole seconds since 1970" }
}

fn parameter(name: &str) -> Arc<str> {
    Arc::from(format!("parameter `{name}` of header `{SIGNATURE_INPUT}`"))
}
