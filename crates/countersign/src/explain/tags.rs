//! Tags in another encoding, layout or version than the scheme's.

use std::ops::RangeInclusive;

use http::HeaderName;
use percent_encoding::percent_decode;

use super::{headers::HeaderMistake, mistake::Mistake, rules::RuleMistake, search::Search};
use crate::{
    algorithm::Digest,
    encoding::Encoding,
    evidence::MAX_SIGNATURE,
    public_key::PublicKeyAlgorithm,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Hole, Scheme, Source},
};

/// The texts that the scheme would write for the tags in `text`.
pub(super) fn repairs(scheme: &Scheme, header: &HeaderName, text: &[u8]) -> Vec<(String, HeaderMistake)> {
    let Some(lengths) = tag_lengths(scheme) else {
        return unwrapped(scheme, header, text);
    };
    if text.len() > MAX_SIGNATURE {
        return Vec::new();
    }
    let decoded = percent_decode(text).collect::<Vec<u8>>();
    let mut repairs = of_tokens(scheme, header, &decoded, &lengths);
    // Decoding a form or a query turns the `+` of base64 into a space.
    if decoded.contains(&b' ') {
        let text: Vec<u8> = decoded.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        repairs.extend(of_tokens(scheme, header, &text, &lengths));
    }
    // The text as it is was tried before; trying it again would use up the work for changes of a large body.
    repairs.retain(|(repaired, _)| repaired.as_bytes() != text);
    repairs
}

fn of_tokens(
    scheme: &Scheme,
    header: &HeaderName,
    text: &[u8],
    lengths: &RangeInclusive<usize>,
) -> Vec<(String, HeaderMistake)> {
    let own: Vec<Encoding> = tag_encodings(scheme).collect();
    let mut repairs = Vec::new();
    for (at, token) in tokens(text).take(MAX_TOKENS) {
        for (encoding, name, tag) in readings(token, lengths) {
            let Some(repaired) = print(scheme, text, &tag) else { continue };
            let is_own = encoding.is_some_and(|encoding| own.contains(&encoding));
            let header = header.clone();
            let mistake = match own.first() {
                Some(expected) if !is_own => HeaderMistake::Encoding { header, expected: expected.name(), found: name },
                _ => match other_version(scheme, &text[..at]) {
                    Some(found) => HeaderMistake::Version { header, found },
                    None => HeaderMistake::Layout { header },
                },
            };
            repairs.push((repaired, mistake));
        }
    }
    repairs
}

/// The version before a tag, such as the `v0` of `v0=`, if it is not one of the scheme's.
fn other_version(scheme: &Scheme, before: &[u8]) -> Option<String> {
    let before = std::str::from_utf8(before).ok()?.trim_end_matches(['=', ',', ':']);
    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let version = &before[start..];
    let is_version = version.len() <= MAX_VERSION
        && version.strip_prefix(['v', 'V']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let own = scheme.signature.syntax.print(|_| " ".to_owned());
    let mut labels = own.split(|c: char| !c.is_ascii_alphanumeric()).filter(|label| label.starts_with('v'));
    (is_version && labels.clone().next().is_some() && labels.all(|label| label != version)).then(|| version.to_owned())
}

/// The possible lengths of a tag, in bytes. `None` if the scheme has tokens instead of tags.
fn tag_lengths(scheme: &Scheme) -> Option<RangeInclusive<usize>> {
    match &scheme.signature.algorithm {
        Algorithm::Hmac(digest) | Algorithm::Hash(digest) => Some(digest.len()..=digest.len()),
        Algorithm::PublicKey(_) => {
            let is_ed25519 = |algorithm| algorithm == PublicKeyAlgorithm::Ed25519;
            Some(if scheme.public_key_algorithms().all(is_ed25519) { ED25519..=ED25519 } else { ECDSA..=RSA })
        }
        _ => None,
    }
}

/// The mistake that the length of a malformed tag shows.
pub(super) fn indicated(search: &Search<'_>, rejection: &Rejection) -> Option<Mistake> {
    let scheme = &search.setup.scheme;
    let Rejection::MalformedSignature { problem: Problem::Encoding, .. } = rejection else {
        return None;
    };
    let lengths = tag_lengths(scheme)?;
    let len = *lengths.start();
    let Source::Header(names) = &scheme.signature.source else { return None };
    let (header, value) = names.iter().find_map(|name| Some((name, search.head.headers.get(name)?)))?;
    let own: Vec<Encoding> = tag_encodings(scheme).collect();
    let (_, longest) = tokens(value.as_bytes()).take(MAX_TOKENS).max_by_key(|(_, token)| token.len())?;
    // A truncated tag need not end at a boundary of its encoding.
    let decoded = own.iter().find_map(|encoding| {
        let text = longest.strip_suffix(b"==").or_else(|| longest.strip_suffix(b"=")).unwrap_or(longest);
        let whole = if is_hex(*encoding) { text.len() / 2 * 2 } else { text.len() / 4 * 4 };
        let exact = encoding.decode(longest).map(|bytes| bytes.len());
        exact.or_else(|| encoding.decode(&text[..whole]).map(|bytes| bytes.len()))
    })?;
    if let Algorithm::Hmac(digest) | Algorithm::Hash(digest) = scheme.signature.algorithm
        && let Some(found) = Digest::ALL.iter().copied().find(|other| other.len() == decoded && *other != digest)
    {
        return Some(Mistake::Rule(RuleMistake::Hash { expected: digest.name(), found: found.name() }));
    }
    let is_cut = (SHORTEST..len).contains(&decoded);
    is_cut.then(|| Mistake::Header(HeaderMistake::Truncated { header: header.clone() }))
}

fn is_hex(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::HexLower | Encoding::HexUpper | Encoding::HexAny)
}

fn tag_encodings(scheme: &Scheme) -> impl Iterator<Item = Encoding> {
    scheme.signature.syntax.holes().filter_map(|hole| match hole {
        Hole::Tag(encoding) => Some(encoding),
        _ => None,
    })
}

/// A token with and without the word before it.
fn unwrapped(scheme: &Scheme, header: &HeaderName, text: &[u8]) -> Vec<(String, HeaderMistake)> {
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    let tokens = text.rsplit([' ', '=', '"', '\'']).filter(|token| !token.is_empty()).take(MAX_TOKENS);
    let print = |token: &str| scheme.signature.syntax.print(|_| token.to_owned());
    let whole = print(text.trim_matches(['"', '\'']));
    let repairs = tokens.map(print).chain([whole]).filter(|repaired| repaired != text);
    repairs.map(|repaired| (repaired, HeaderMistake::Layout { header: header.clone() })).collect()
}

/// Each run of base64 characters of either alphabet, with its padding, and where it begins.
fn tokens(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|byte| is_letter(*byte))?;
        let len = text[start..].iter().position(|byte| !is_letter(*byte));
        let end = len.map_or(text.len(), |len| start + len);
        at = end + text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        Some((start, &text[start..at]))
    })
}

/// The tags of a possible length that a token decodes to.
fn readings(token: &[u8], lengths: &RangeInclusive<usize>) -> Vec<(Option<Encoding>, &'static str, Vec<u8>)> {
    let token = token.strip_prefix(b"0x").unwrap_or(token);
    let mut readings = Vec::new();
    for encoding in Encoding::ALL {
        if let Some(tag) = encoding.decode(token).filter(|tag| lengths.contains(&tag.len())) {
            readings.push((Some(encoding), encoding.name(), tag));
        }
    }
    let inner = [Encoding::Base64, Encoding::Base64Unpadded].into_iter().find_map(|encoding| encoding.decode(token));
    if let Some(hex) = inner.filter(|inner| lengths.contains(&(inner.len() / 2)))
        && let Some(tag) = Encoding::HexAny.decode(&hex)
    {
        readings.push((None, "base64 of hex", tag));
    }
    readings
}

/// The text that the scheme writes for `tag`, with the time from `text`. `None` if the layout needs a time that is
/// missing, or an id.
fn print(scheme: &Scheme, text: &[u8], tag: &[u8]) -> Option<String> {
    let format = scheme.timestamp.as_ref().map(|rule| rule.format);
    let pieces = || text.split(|byte| b" ,;=&|\"".contains(byte));
    let time = pieces()
        .find(|piece| piece.len() >= SHORTEST_TIME && format.is_some_and(|format| format.parse(piece).is_some()));
    let is_wanted = |wanted: Hole| scheme.signature.syntax.holes().any(|hole| hole == wanted);
    if (is_wanted(Hole::Timestamp) && time.is_none()) || is_wanted(Hole::Id) {
        return None;
    }
    let time = String::from_utf8_lossy(time.unwrap_or_default()).into_owned();
    Some(scheme.signature.syntax.print(|hole| match hole {
        Hole::Tag(encoding) => encoding.encode(tag),
        Hole::Timestamp => time.clone(),
        Hole::Token | Hole::Jwt | Hole::Id | Hole::KeyName | Hole::Any => String::new(),
    }))
}

/// More than a rewritten header has.
const MAX_TOKENS: usize = 16;

/// The longest text that is recognised as a version, in bytes.
const MAX_VERSION: usize = 4;

/// The length of an Ed25519 signature, in bytes: RFC 8032 section 5.1.6.
const ED25519: usize = 64;

/// The length of a short signature on the curve P-256, in DER.
const ECDSA: usize = 64;

/// The length of a signature by the longest allowed key.
const RSA: usize = 1024;

/// The shortest text that counts as a tag, in bytes.
const SHORTEST: usize = 8;

/// The digits of the seconds since 1970 before 2001.
const SHORTEST_TIME: usize = 9;
