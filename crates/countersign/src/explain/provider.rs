//! Provider mistakes: deliveries of another provider, or of another scheme of the same provider.

use std::fmt;

use http::{HeaderName, header::AUTHORIZATION};

use super::{
    mistake::Mistake,
    search::{Search, Trial, has_secret_bytes, verbatim},
    secrets,
    trials::Proof,
};
use crate::{
    providers,
    scheme::{Scheme, Source},
};

/// The delivery is of another provider, or signed by another scheme of the same provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderMistake {
    /// Another scheme of the catalogue made the signature.
    Other {
        /// The ids of the possible schemes.
        ids: Vec<&'static str>,
    },
    /// The scheme's own signature is missing, but one of another scheme is there.
    OtherHeader {
        /// The header that carries it.
        header: HeaderName,
        /// The ids of the schemes that use the header.
        ids: Vec<&'static str>,
    },
}

impl ProviderMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Other { .. } => "other_provider",
            Self::OtherHeader { .. } => "other_provider_header",
        }
    }
}

impl fmt::Display for ProviderMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other { ids } => {
                write!(f, "the delivery is signed like one of {}: verify it with that scheme", list(ids))
            }
            Self::OtherHeader { header, ids } => write!(
                f,
                "the scheme's own signature is missing, but the header `{header}` of {} is there: verify it with that scheme \
                 and its secret, or have the right provider send here",
                list(ids)
            ),
        }
    }
}

/// At most a few names, because many providers share some headers.
fn list(ids: &[&str]) -> String {
    let named: Vec<String> = ids.iter().take(MAX_NAMED).map(|id| format!("`{id}`")).collect();
    let more = if ids.len() > MAX_NAMED { " or others" } else { "" };
    format!("{}{more}", named.join(" or "))
}

/// Tries the configured secrets with the other schemes of the catalogue.
pub(super) fn prove(search: &Search<'_>) -> Option<Proof> {
    let mut proof: Option<Proof> = None;
    let mut ids = Vec::new();
    for (id, scheme) in others(search) {
        let keys = secrets::as_configured(&search.setup.secrets, &scheme);
        let scheme = verbatim(&scheme);
        if let Some(found) = search.attempt(Trial { scheme: &scheme, keys: &keys, ..search.as_it_is() }) {
            // Any of them will do: all read the same values from this request.
            proof.get_or_insert_with(|| Proof::new(&found, []));
            ids.push(id);
        }
    }
    let mut proof = proof?;
    // The tolerance of this scheme does not apply to the time of another.
    proof.at = None;
    proof.mistakes.push(Mistake::Provider(ProviderMistake::Other { ids }));
    Some(proof)
}

/// The signature headers of other schemes that are there, if the scheme's own is not.
pub(super) fn indicated(search: &Search<'_>) -> Option<Mistake> {
    let own = signature_headers(&search.setup.scheme);
    if own.is_empty() || own.iter().any(|name| search.head.headers.contains_key(name)) {
        return None;
    }
    let mut header: Option<HeaderName> = None;
    let mut ids = Vec::new();
    for (id, scheme) in others(search) {
        let found = signature_headers(&scheme).iter().find(|name| search.head.headers.contains_key(*name)).cloned();
        if let Some(found) = found.filter(|found| header.as_ref().is_none_or(|header| header == found)) {
            header = Some(found);
            ids.push(id);
        }
    }
    Some(Mistake::Provider(ProviderMistake::OtherHeader { header: header?, ids }))
}

/// The other schemes of the catalogue whose signature the request may carry, read one at a time.
fn others<'b>(search: &'b Search<'_>) -> impl Iterator<Item = (&'static str, Scheme)> + use<'b> {
    let own = search.setup.scheme.id();
    let others = providers::ALL.iter().filter(move |provider| provider.id() != own);
    others.filter_map(|provider| Some((provider.id(), provider.scheme().ok()?))).filter(|(_, scheme)| {
        has_secret_bytes(scheme) && signature_headers(scheme).iter().any(|name| search.head.headers.contains_key(name))
    })
}

/// The headers that carry a scheme's signature, except `Authorization`, which is too common to identify a scheme.
fn signature_headers(scheme: &Scheme) -> &[HeaderName] {
    match &scheme.signature.source {
        Source::Header(names) if !names.contains(&AUTHORIZATION) => names,
        _ => &[],
    }
}

const MAX_NAMED: usize = 4;
