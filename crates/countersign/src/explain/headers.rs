//! Header mistakes: renamed, repeated, joined or rewritten on the way.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    mistake::Mistake,
    search::{Search, Untried},
    tags,
};
use crate::{
    head::Head,
    scheme::{Part, Scheme, Source, trim_ows},
};

/// A header was renamed, repeated or rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderMistake {
    /// The tag is written in another encoding.
    Encoding {
        /// The header.
        header: HeaderName,
        /// What the scheme expects.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Several lines of it were joined into one.
    Joined {
        /// The header.
        header: HeaderName,
    },
    /// The tag is right, but not the text around it or its escapes.
    Layout {
        /// The header.
        header: HeaderName,
    },
    /// It has another name.
    Renamed {
        /// What the scheme expects.
        expected: HeaderName,
        /// What it is called.
        found: HeaderName,
    },
    /// It appears several times.
    Repeated {
        /// The header.
        header: HeaderName,
    },
    /// It was split into several lines.
    Split {
        /// The header.
        header: HeaderName,
    },
    /// The tag was cut off.
    Truncated {
        /// The header.
        header: HeaderName,
    },
    /// The tag is labelled as another version of the scheme.
    Version {
        /// The header.
        header: HeaderName,
        /// The version, such as `v0`.
        found: String,
    },
}

impl HeaderMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Encoding { .. } => "signature_encoding",
            Self::Joined { .. } => "header_joined",
            Self::Layout { .. } => "signature_layout",
            Self::Renamed { .. } => "header_renamed",
            Self::Repeated { .. } => "header_repeated",
            Self::Split { .. } => "header_split",
            Self::Truncated { .. } => "signature_truncated",
            Self::Version { .. } => "signature_version",
        }
    }
}

impl fmt::Display for HeaderMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding { header, expected, found } => write!(
                f,
                "the tag in the header `{header}` is {found}, the scheme expects {expected}: correct `[signature]` of the \
                 scheme, or find what rewrites the header"
            ),
            Self::Joined { header } => {
                write!(
                    f,
                    "a proxy joined several lines of the header `{header}` into one: make sure that only one line is sent"
                )
            }
            Self::Layout { header } => write!(
                f,
                "the tag in the header `{header}` is right, but its layout is not (prefix, labels, quotation marks, \
                 escapes, spaces for `+`): correct `[signature]` of the scheme, or find what rewrites the header"
            ),
            Self::Renamed { expected, found } => write!(
                f,
                "the header `{expected}` arrives as `{found}`: have the proxy or gateway forward it under its own name"
            ),
            Self::Repeated { header } => write!(
                f,
                "the header `{header}` appears several times, and one of its values is right: find what adds the others"
            ),
            Self::Split { header } => write!(
                f,
                "the header `{header}` was split at its commas into several lines: have the proxy or gateway forward it as \
                 one line"
            ),
            Self::Truncated { header } => write!(
                f,
                "the tag in the header `{header}` is cut off: look for a column, log or proxy that shortens it"
            ),
            Self::Version { header, found } => write!(
                f,
                "the tag in the header `{header}` is labelled as version `{found}`, which the scheme does not accept: have \
                 the sender sign with an accepted version (test deliveries may use another)"
            ),
        }
    }
}

/// Headers as they may have been sent.
pub(super) struct HeadVariant {
    headers: HeaderMap,
    mistakes: Vec<HeaderMistake>,
}

impl HeadVariant {
    pub(super) fn head<'a>(&'a self, came: Head<'a>) -> Head<'a> {
        Head { headers: &self.headers, ..came }
    }

    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        self.mistakes.iter().cloned().map(Mistake::Header).collect()
    }

    fn with(&self, name: &HeaderName, value: HeaderValue, mistake: HeaderMistake) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(name, value);
        Self { headers, mistakes: self.mistakes.iter().cloned().chain([mistake]).collect() }
    }
}

/// The headers as they may have been sent, for a scheme.
pub(super) fn variants(search: &Search<'_>, scheme: &Scheme) -> Vec<HeadVariant> {
    if search.head.headers.len() > MAX_HEADERS {
        search.note_untried(Untried::Headers);
        return Vec::new();
    }
    let mut variants = vec![renamed(search.head.headers, scheme)];
    for name in names(scheme).flatten() {
        let more: Vec<_> = variants.iter().flat_map(|variant| single(variant, name)).collect();
        variants.extend(more.into_iter().take(MAX_LINES + 1));
    }
    if let Source::Header(names) = &scheme.signature.source {
        let rewritten: Vec<_> = variants.iter().flat_map(|variant| rewritten(variant, scheme, names)).collect();
        variants.extend(rewritten);
    }
    variants.retain(|variant| !variant.mistakes.is_empty());
    variants
}

/// Headers of the scheme that appear only under another name.
pub(super) fn indicated(search: &Search<'_>) -> Vec<Mistake> {
    renamed(search.head.headers, &search.setup.scheme).mistakes()
}

/// The headers that a scheme reads: for each place, its possible names.
fn names(scheme: &Scheme) -> impl Iterator<Item = &[HeaderName]> {
    let time = scheme.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
    let values = scheme.signature.parts.iter().filter_map(|part| match part {
        Part::Value(source) => Some(source),
        _ => None,
    });
    let checks = scheme.checks.iter().map(|check| &check.source);
    let sources = [Some(&scheme.signature.source), time, scheme.delivery_id.as_ref()].into_iter().flatten();
    sources.chain(values).chain(checks).filter_map(|source| match source {
        Source::Header(names) => Some(&**names),
        _ => None,
    })
}

/// The headers, with all renamed ones under their own names as well.
fn renamed(headers: &HeaderMap, scheme: &Scheme) -> HeadVariant {
    let mut variant = HeadVariant { headers: headers.clone(), mistakes: Vec::new() };
    for names in names(scheme) {
        if names.iter().any(|name| variant.headers.contains_key(name)) {
            continue;
        }
        let same = |name: &HeaderName| headers.iter().find(|(other, _)| core_of(other) == core_of(name));
        if let Some((expected, (found, value))) = names.iter().find_map(|name| Some((name, same(name)?))) {
            let mistake = HeaderMistake::Renamed { expected: expected.clone(), found: found.clone() };
            variant = variant.with(expected, value.clone(), mistake);
        }
    }
    variant
}

/// A name without the prefixes that proxies, gateways and CGI add, and without its hyphens.
fn core_of(name: &HeaderName) -> String {
    let name = name.as_str().replace('_', "-");
    let mut core = &*name;
    while let Some(rest) = ADDED.iter().find_map(|added| core.strip_prefix(added)) {
        core = rest;
    }
    core.replace('-', "")
}

/// Each line of a header with several, or each piece of one that is a list.
fn single(variant: &HeadVariant, name: &HeaderName) -> Vec<HeadVariant> {
    let lines: Vec<_> = variant.headers.get_all(name).iter().collect();
    if let [_, _, ..] = *lines {
        let mistake = HeaderMistake::Repeated { header: name.clone() };
        let alone = lines.iter().take(MAX_LINES).map(|line| variant.with(name, (*line).clone(), mistake.clone()));
        let whole = HeaderValue::from_bytes(&lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>().join(&b','));
        let split = HeaderMistake::Split { header: name.clone() };
        return alone.chain(whole.ok().map(|whole| variant.with(name, whole, split))).collect();
    }
    let pieces = lines.first().map(|line| line.as_bytes().split(|byte| *byte == b',')).into_iter().flatten();
    let pieces: Vec<_> =
        pieces.take(MAX_LINES).filter_map(|piece| HeaderValue::from_bytes(trim_ows(piece)).ok()).collect();
    if pieces.len() < 2 {
        return Vec::new();
    }
    let mistake = HeaderMistake::Joined { header: name.clone() };
    pieces.into_iter().map(|piece| variant.with(name, piece, mistake.clone())).collect()
}

/// The signature header, rewritten in the layout of the scheme.
fn rewritten(variant: &HeadVariant, scheme: &Scheme, names: &[HeaderName]) -> Vec<HeadVariant> {
    let Some((name, value)) = names.iter().find_map(|name| Some((name, variant.headers.get(name)?))) else {
        return Vec::new();
    };
    let repairs = tags::repairs(scheme, name, value.as_bytes());
    let with = |(text, mistake): (String, HeaderMistake)| {
        Some(variant.with(name, HeaderValue::from_str(&text).ok()?, mistake))
    };
    repairs.into_iter().filter_map(with).collect()
}

const ADDED: [&str; 10] = [
    "http-",
    "x-",
    "original-",
    "orig-",
    "forwarded-",
    "proxy-",
    "real-",
    // CGI behind a rewriting server, the gateways of a cloud, and a service mesh.
    "redirect-",
    "amzn-remapped-",
    "envoy-",
];

/// Nobody repeats a header more often by mistake.
const MAX_LINES: usize = 4;

/// The limit of common servers.
const MAX_HEADERS: usize = 128;
