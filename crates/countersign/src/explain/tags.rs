//! Tags in another encoding or layout than the scheme's.

use http::HeaderName;
use percent_encoding::percent_decode;

use super::{bench::Bench, headers::HeaderMistake, mistake::Mistake, rules::RuleMistake};
use crate::{
    algorithm::{Digest, Tag},
    encoding::Encoding,
    evidence::MAX_SIGNATURE,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Hole, Scheme, Source},
};

/// The texts that the scheme would have written for the tags that stand in `text`.
pub(super) fn repairs(scheme: &Scheme, header: &HeaderName, text: &[u8]) -> Vec<(String, HeaderMistake)> {
    let (Algorithm::Hmac(digest) | Algorithm::Hash(digest)) = scheme.signature.algorithm else {
        return unwrapped(scheme, header, text);
    };
    if text.len() > MAX_SIGNATURE {
        return Vec::new();
    }
    let text = percent_decode(text).collect::<Vec<u8>>();
    let own: Vec<Encoding> = tag_encodings(scheme).collect();
    let mut repairs = Vec::new();
    for token in tokens(&text).take(MAX_TOKENS) {
        for (encoding, name, tag) in readings(token, digest.len()) {
            let Some(repaired) = print(scheme, &text, &tag) else { continue };
            let is_own = encoding.is_some_and(|encoding| own.contains(&encoding));
            let mistake = match own.first() {
                Some(expected) if !is_own => {
                    HeaderMistake::Encoding { header: header.clone(), expected: expected.name(), found: name }
                }
                _ => HeaderMistake::Layout { header: header.clone() },
            };
            repairs.push((repaired, mistake));
        }
    }
    repairs
}

/// What a malformed tag shows by its length.
pub(super) fn indicated(bench: &Bench<'_>, rejection: &Rejection) -> Option<Mistake> {
    let scheme = &bench.setup.scheme;
    let Rejection::MalformedSignature { problem: Problem::Encoding, .. } = rejection else {
        return None;
    };
    let (Algorithm::Hmac(digest) | Algorithm::Hash(digest)) = scheme.signature.algorithm else {
        return None;
    };
    let Source::Header(names) = &scheme.signature.source else { return None };
    let (header, value) = names.iter().find_map(|name| Some((name, bench.head.headers.get(name)?)))?;
    let own: Vec<Encoding> = tag_encodings(scheme).collect();
    let longest = tokens(value.as_bytes()).take(MAX_TOKENS).max_by_key(|token| token.len())?;
    // What is cut off need not end where its encoding does.
    let decoded = own.iter().find_map(|encoding| {
        let text = longest.strip_suffix(b"==").or_else(|| longest.strip_suffix(b"=")).unwrap_or(longest);
        let whole = if is_hex(*encoding) { text.len() / 2 * 2 } else { text.len() / 4 * 4 };
        let exact = encoding.decode(longest).map(|bytes| bytes.len());
        exact.or_else(|| encoding.decode(&text[..whole]).map(|bytes| bytes.len()))
    })?;
    if let Some(found) = Digest::ALL.iter().copied().find(|other| other.len() == decoded && *other != digest) {
        return Some(Mistake::Rule(RuleMistake::Hash { expected: digest.name(), found: found.name() }));
    }
    let is_cut = (SHORTEST..digest.len()).contains(&decoded);
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

/// A token with and without the word in front of it.
fn unwrapped(scheme: &Scheme, header: &HeaderName, text: &[u8]) -> Vec<(String, HeaderMistake)> {
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    let tokens = text.rsplit([' ', '=', '"', '\'']).filter(|token| !token.is_empty()).take(MAX_TOKENS);
    let print = |token: &str| scheme.signature.syntax.print(|_| token.to_owned());
    let whole = print(text.trim_matches(['"', '\'']));
    let repairs = tokens.map(print).chain([whole]).filter(|repaired| repaired != text);
    repairs.map(|repaired| (repaired, HeaderMistake::Layout { header: header.clone() })).collect()
}

/// Each run of letters, digits and what else base64 has, with its padding.
fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte);
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| is_letter(*byte))?;
        let end = rest[start..].iter().position(|byte| !is_letter(*byte)).map_or(rest.len(), |len| start + len);
        let padding = rest[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        let token = &rest[start..end + padding];
        rest = &rest[end + padding..];
        Some(token)
    })
}

/// The tags of `len` bytes that a token can stand for.
fn readings(token: &[u8], len: usize) -> Vec<(Option<Encoding>, &'static str, Vec<u8>)> {
    let token = token.strip_prefix(b"0x").unwrap_or(token);
    let mut readings = Vec::new();
    for encoding in Encoding::ALL {
        let mut tag = Tag::default();
        if tag.decode(encoding, token, len).is_some() {
            readings.push((Some(encoding), encoding.name(), tag.as_bytes().to_vec()));
        }
    }
    let inner = [Encoding::Base64, Encoding::Base64Unpadded].into_iter().find_map(|encoding| encoding.decode(token));
    if let Some(hex) = inner.filter(|inner| inner.len() == len * 2)
        && let Some(tag) = Encoding::HexAny.decode(&hex)
    {
        readings.push((None, "base64 of hex", tag));
    }
    readings
}

/// The text that the scheme writes for `tag`, with the time and id that stand in `text`; `None` if one is wanted and missing.
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

/// As many as a header that somebody rewrote can have.
const MAX_TOKENS: usize = 16;

/// Fewer bytes are no tag.
const SHORTEST: usize = 8;

/// The digits of the seconds since 1970 before 2001.
const SHORTEST_TIME: usize = 9;
