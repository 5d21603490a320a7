//! The parser of the `Forwarded` header, RFC 7239.

use super::hop::{Hop, Hops, Refused, node};
use crate::head::is_token;

/// Parses one line by the grammar of RFC 7239 section 4: elements separated by commas, each of which is a hop.
///
/// An element without `for` is a hop that hides its client. Two rules are stricter than the grammar: an element of
/// semicolons alone is refused, and so are escapes in a quoted `for`, because no node needs them. Of the other
/// parameters only the syntax is checked.
pub(super) fn read(line: &[u8], hops: &mut Hops) -> Result<(), Refused> {
    let mut rest = line;
    loop {
        skip_ows(&mut rest);
        let is_empty = matches!(rest, [] | [b',', ..]);
        let hop = if is_empty { Hop::Empty } else { element(&mut rest).ok_or(Refused::Malformed)? };
        hops.push(hop)?;
        skip_ows(&mut rest);
        match rest.split_first() {
            None => return Ok(()),
            Some((b',', after)) => rest = after,
            Some(_) => return Err(Refused::Malformed),
        }
    }
}

/// `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, with at least one pair.
fn element(rest: &mut &[u8]) -> Option<Hop> {
    let mut client = None;
    let mut is_empty = true;
    loop {
        if rest.first().is_some_and(|byte| is_token(*byte)) {
            is_empty = false;
            let (name, value) = pair(rest)?;
            if name.eq_ignore_ascii_case(b"for") && client.replace(node(value)?).is_some() {
                // Section 4: each parameter at most once per element.
                return None;
            }
        }
        match rest.split_first() {
            Some((b';', after)) => *rest = after,
            _ => break,
        }
    }
    (!is_empty).then_some(client.unwrap_or(Hop::Hidden))
}

/// `token "=" ( token / quoted-string )`. The value of a quoted string is the text between its quotation marks, with
/// escapes.
fn pair<'l>(rest: &mut &'l [u8]) -> Option<(&'l [u8], &'l [u8])> {
    let name = take_token(rest)?;
    *rest = rest.strip_prefix(b"=")?;
    let value = match rest.strip_prefix(b"\"") {
        Some(after) => {
            *rest = after;
            take_quoted(rest)?
        }
        None => take_token(rest)?,
    };
    Some((name, value))
}

fn take_token<'l>(rest: &mut &'l [u8]) -> Option<&'l [u8]> {
    let end = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
    let token;
    (token, *rest) = rest.split_at(end);
    (!token.is_empty()).then_some(token)
}

/// The rest of a quoted string after its opening quotation mark, RFC 9110 section 5.6.4.
fn take_quoted<'l>(rest: &mut &'l [u8]) -> Option<&'l [u8]> {
    let text: &'l [u8] = rest;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
        // The same characters are allowed with and without an escape. HTTP servers pass on no others.
        if !matches!(text.get(at)?, b'\t' | b' '..=b'~' | 0x80..) {
            return None;
        }
        at += 1;
    }
    *rest = &text[at + 1..];
    Some(&text[..at])
}

/// RFC 9110 section 5.6.3.
fn skip_ows(rest: &mut &[u8]) {
    while let Some((b' ' | b'\t', after)) = rest.split_first() {
        *rest = after;
    }
}

pub(super) const EXPECTED: &str =
    "elements as in RFC 7239, such as `for=203.0.113.7, for=\"[2001:db8::1]:443\";proto=https`";

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(line: &[u8]) -> Option<Vec<String>> {
        let mut hops = Hops::new();
        read(line, &mut hops).ok()?;
        Some(hops.texts())
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let read = [
            ("for=\"_gazonk\"", vec!["-"]),
            ("For=\"[2001:db8:cafe::17]:4711\"", vec!["2001:db8:cafe::17"]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", vec!["192.0.2.60"]),
            ("for=192.0.2.43, for=198.51.100.17", vec!["192.0.2.43", "198.51.100.17"]),
            ("for=_hidden, for=_SEVKISEK", vec!["-", "-"]),
            ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", vec!["192.0.2.43", "2001:db8:cafe::17", "-"]),
            ("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"", vec!["192.0.2.43", "2001:db8:cafe::17"]),
        ];
        for (line, expected) in read {
            assert_eq!(hops(line.as_bytes()).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotes_ports_and_other_parameters_are_understood() {
        let read = [
            ("for=\"192.0.2.43\"", vec!["192.0.2.43"]),
            ("for=\"192.0.2.43:47011\"", vec!["192.0.2.43"]),
            ("for=\"192.0.2.43:_port\"", vec!["192.0.2.43"]),
            ("for=\"unknown:80\"", vec!["-"]),
            ("for=UNKNOWN", vec!["-"]),
            ("for=\"[::ffff:192.0.2.43]\"", vec!["192.0.2.43"]),
            ("proto=https", vec!["-"]),
            ("proto=https;FOR=192.0.2.43;", vec!["192.0.2.43"]),
            (";;for=192.0.2.43", vec!["192.0.2.43"]),
            ("host=\"a, for=198.51.100.17\";for=192.0.2.43", vec!["192.0.2.43"]),
            ("ext=\"a\\\", for=198.51.100.17;\\\\\";for=192.0.2.43", vec!["192.0.2.43"]),
            ("for=192.0.2.43\t ,\t for=198.51.100.17 ", vec!["192.0.2.43", "198.51.100.17"]),
            ("", vec![""]),
            (" , ,for=192.0.2.43,", vec!["", "", "192.0.2.43", ""]),
        ];
        for (line, expected) in read {
            assert_eq!(hops(line.as_bytes()).unwrap(), expected, "{line}");
        }
        assert_eq!(hops(b"host=\"\xff\";for=192.0.2.43").unwrap(), ["192.0.2.43"]);
    }

    #[test]
    fn a_line_that_breaks_the_grammar_is_refused() {
        for line in [
            ";",
            "for=192.0.2.43,;",
            "192.0.2.43",
            "for",
            "for=",
            "=192.0.2.43",
            "for =192.0.2.43",
            "for= 192.0.2.43",
            "for=192.0.2.43 ;proto=http",
            "for=192.0.2.43; proto=http",
            "for=192.0.2.43 for=192.0.2.44",
            "for=192.0.2.43;for=198.51.100.17",
            "for=192.0.2.43;For=192.0.2.43",
            "for=192.0.2.43:80",
            "for=[2001:db8::1]",
            "for=2001:db8::1",
            "for=\"2001:db8::1\"",
            "for=\"[2001:db8::1\"",
            "for=\"[2001:db8::1]80\"",
            "for=\"[2001:db8::1]:\"",
            "for=\"[2001:db8::1%25eth0]\"",
            "for=\"[192.0.2.43]\"",
            "for=\"192.0.2.43:65536\"",
            "for=\"192.0.2.43:123456\"",
            "for=\"192.0.2.43:_\"",
            "for=192.0.2.043",
            "for=192.0.2.256",
            "for=0xc0.0.2.43",
            "for=192.0.2.0/24",
            "for=localhost",
            "for=_",
            "for=\"_a b\"",
            "for=\"\"",
            "for=\"192.0.2.43",
            "for=192.0.2.43\"",
            "for='192.0.2.43'",
            "for=\"192.0.2.43\"\"",
            "for=\"192.0.2.43\"x",
            "for=\" 192.0.2.43\"",
            "for=\"192.0.2.4\\3\"",
            "for=\"\\",
            "host=\"a\u{7f}\";for=192.0.2.43",
            "host=\"a\0\";for=192.0.2.43",
            "ho(st=a;for=192.0.2.43",
        ] {
            assert_eq!(hops(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(hops(b"for=\"192.0.2.43\xff\""), None);
        assert_eq!(hops(b"f\xffr=192.0.2.43"), None);
    }
}
