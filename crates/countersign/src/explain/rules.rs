//! Rule mistakes: the sender signs other content, or with another hash, than the scheme describes.

use std::fmt;

use super::{
    headers,
    mistake::Mistake,
    search::{Search, Trial},
    time::TimeMistake,
    trials::Proof,
};
use crate::{
    algorithm::Digest,
    scheme::{Algorithm, Part, Scheme},
    timestamp::TimestampFormat,
};

/// The scheme does not describe what the sender does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleMistake {
    /// Other parts of the request are signed, or in another order.
    Content {
        /// What is signed, as a scheme file writes it.
        signed: &'static str,
    },
    /// Another hash function is used.
    Hash {
        /// The scheme's.
        expected: &'static str,
        /// The sender's.
        found: &'static str,
    },
}

impl RuleMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Content { .. } => "signed_content",
            Self::Hash { .. } => "signature_hash",
        }
    }
}

impl fmt::Display for RuleMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { signed } => {
                let signed = signed.escape_debug();
                write!(
                    f,
                    "the sender signs `{signed}`, which the scheme does not: correct `signs` of the scheme, or the sender"
                )
            }
            Self::Hash { expected, found } => write!(
                f,
                "the signature is made with {found}, the scheme expects {expected}: correct `algorithm` of the scheme, or \
                 use the provider's other scheme"
            ),
        }
    }
}

/// Tries the configured secrets with schemes that differ from this one in a single rule.
pub(super) fn prove(search: &Search<'_>) -> Option<Proof> {
    variants(&search.scheme).into_iter().find_map(|(scheme, mistake)| {
        let trial = Trial { scheme: &scheme, ..search.as_it_is() };
        let found = search.attempt(trial).map(|found| Proof::new(&found, [mistake.clone()]));
        found.or_else(|| {
            // The label before the tag changes with the hash: `sha1=` with SHA-1.
            headers::variants(search, &scheme).iter().find_map(|variant| {
                let found = search.attempt(Trial { head: variant.head(search.head), ..trial })?;
                Some(Proof::new(&found, [mistake.clone()].into_iter().chain(variant.mistakes())))
            })
        })
    })
}

fn variants(scheme: &Scheme) -> Vec<(Scheme, Mistake)> {
    let mut variants = Vec::new();
    if let Algorithm::Hmac(own) | Algorithm::Hash(own) = scheme.signature.algorithm {
        for digest in Digest::ALL.iter().copied().filter(|digest| *digest != own) {
            let mistake = Mistake::Rule(RuleMistake::Hash { expected: own.name(), found: digest.name() });
            variants.push((with_hash(scheme, digest), mistake));
        }
    }
    if let Some(rule) = &scheme.timestamp {
        for format in FORMATS.into_iter().filter(|format| *format != rule.format) {
            let (expected, found) = (rule.format.describe(), format.describe());
            let mistake = match (rule.format.is_number(), format.is_number()) {
                (true, true) => TimeMistake::Unit { expected, found },
                _ => TimeMistake::Format { expected, found },
            };
            variants.push((with_format(scheme, format), Mistake::Time(mistake)));
        }
    }
    if matches!(scheme.signature.algorithm, Algorithm::Hmac(_)) {
        for (signed, parts) in contents(scheme) {
            let altered = scheme.altered(|description| {
                description.signature.parts = parts;
                description.guards.clear();
            });
            variants.push((altered, Mistake::Rule(RuleMistake::Content { signed })));
        }
    }
    variants
}

fn with_hash(scheme: &Scheme, digest: Digest) -> Scheme {
    scheme.altered(|description| {
        description.signature.algorithm = match description.signature.algorithm {
            Algorithm::Hash(_) => Algorithm::Hash(digest),
            _ => Algorithm::Hmac(digest),
        };
    })
}

fn with_format(scheme: &Scheme, format: TimestampFormat) -> Scheme {
    scheme.altered(|description| {
        if let Some(rule) = &mut description.timestamp {
            rule.format = format;
        }
        description.guards.clear();
    })
}

/// Contents that senders sign instead of the scheme's. Each of them has the body.
fn contents(scheme: &Scheme) -> impl Iterator<Item = (&'static str, Vec<Part>)> {
    let own = scheme.signature.parts.clone();
    let (has_time, has_id) = (scheme.timestamp.is_some(), scheme.delivery_id.is_some() || scheme.signature.carries_id);
    let listed = CONTENTS.into_iter().filter(move |template| {
        (has_time || !template.contains("{timestamp}")) && (has_id || !template.contains("{id}"))
    });
    // The templates are constants of this file, and valid.
    listed
        .filter_map(|template| Some((template, Part::parse_all(template).ok()?)))
        .filter(move |(_, parts)| *parts != own)
}

const CONTENTS: [&str; 15] = [
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}:{body}",
    "{timestamp}{body}",
    "{body}{timestamp}",
    "{body}.{timestamp}",
    "{body}:{timestamp}",
    "{timestamp}\n{body}",
    "{timestamp}|{body}",
    "v0:{timestamp}:{body}",
    "v1:{timestamp}:{body}",
    "{id}.{timestamp}.{body}",
    "{id}{timestamp}{body}",
    "{id}.{body}",
    "{timestamp}.{id}.{body}",
];

const FORMATS: [TimestampFormat; 5] = [
    TimestampFormat::Seconds,
    TimestampFormat::Milliseconds,
    TimestampFormat::Rfc3339,
    TimestampFormat::Rfc3339OrUtc,
    TimestampFormat::HttpDate,
];
