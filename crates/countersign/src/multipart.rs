//! Reads single fields out of a `multipart/form-data` body (RFC 7578), strictly and without copying.

use memchr::{memchr, memchr_iter, memchr2, memmem};

use crate::head::{Unusable, is_token};

/// The most parts of one body. A message forwarded as a form has one for each of its headers and attachments.
const MAX_PARTS: usize = 1000;

/// In characters.
const MAX_BOUNDARY: usize = 70;

/// The boundary of the body, if it is multipart form data.
///
/// It is read from the body's first line, which no URL-encoded form has, and not from the `Content-Type`. Hardly any
/// scheme signs that header, and with another one, a second reader would find other fields, or none, in the same signed
/// bytes.
///
/// RFC 2046 section 5.1.1: 1 to 70 characters.
pub(crate) fn boundary(body: &[u8]) -> Option<&[u8]> {
    let line = body.strip_prefix(b"--")?;
    let line = &line[..line.len().min(MAX_BOUNDARY + 2)];
    let boundary = &line[..memmem::find(line, b"\r\n")?];
    (!boundary.is_empty()).then_some(boundary)
}

/// The bytes of the field `wanted`. If the name occurs several times, all values must be equal.
pub(crate) fn field<'b>(wanted: &str, boundary: &[u8], body: &'b [u8]) -> Result<Option<&'b [u8]>, Unusable> {
    let delimiter = [b"--", boundary].concat();
    let mut rest = body.strip_prefix(&*delimiter).ok_or(Unusable::NotMultipart)?;
    let next = [b"\r\n", &*delimiter].concat();
    let next = memmem::Finder::new(&next);
    let mut found = None;
    for _ in 0..=MAX_PARTS {
        if rest.starts_with(b"--") {
            return Ok(found);
        }
        let end = next.find(rest).ok_or(Unusable::NotMultipart)?;
        let part = rest[..end].strip_prefix(b"\r\n").ok_or(Unusable::NotMultipart)?;
        let head_end = memmem::find(part, b"\r\n\r\n").ok_or(Unusable::NotMultipart)?;
        let (head, value) = (&part[..head_end + 2], &part[head_end + 4..]);
        if is_named(wanted.as_bytes(), head)? {
            match found.replace(value) {
                Some(before) if before != value => return Err(Unusable::Conflicting),
                _ => {}
            }
        }
        rest = &rest[end + next.needle().len()..];
    }
    Err(Unusable::NotMultipart)
}

/// Whether a part with this head is the field `wanted`; an error if readers could disagree about that.
///
/// Senders write file names in many ways: in Latin-1, with quotation marks as they are or escaped. So a head is not
/// parsed strictly if no reader could take its name for `wanted`.
fn is_named(wanted: &[u8], head: &[u8]) -> Result<bool, Unusable> {
    let (mut has_name, mut may_be_wanted) = (false, false);
    for equals in memchr_iter(b'=', head) {
        let end = head[..equals].iter().rposition(u8::is_ascii_graphic).map_or(0, |at| at + 1);
        let start = head[..end].iter().rposition(|byte| !is_token(*byte)).map_or(0, |at| at + 1);
        let key = &head[start..end];
        let is_name = key.eq_ignore_ascii_case(NAME);
        has_name |= is_name || is_extended_name(key);
        may_be_wanted |= is_extended_name(key) || is_name && may_be(wanted, &head[equals + 1..]);
    }
    match (has_name, may_be_wanted) {
        (false, _) => Err(Unusable::NotMultipart),
        (true, false) => Ok(false),
        (true, true) => name(head).map(|name| name == wanted).ok_or(Unusable::NotMultipart),
    }
}

/// Whether some reader could read the value at the start of `text` as `wanted`.
fn may_be(wanted: &[u8], text: &[u8]) -> bool {
    let is_written = |byte: &&u8| **byte != b'\\';
    let begins = |byte: &&u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'');
    let mut value = text.iter().skip_while(|byte| !begins(byte)).filter(is_written);
    let is_there = wanted.iter().filter(is_written).all(|byte| value.next() == Some(byte));
    is_there && value.next().is_none_or(|byte| !is_token(*byte) || *byte == b'\'')
}

/// The name in a head with exactly one `Content-Disposition` with exactly one `name`; `None` unless all of it obeys RFC
/// 9110 section 5.6.6 and RFC 7578 section 4.2.
fn name(head: &[u8]) -> Option<&[u8]> {
    let disposition = disposition(head)?;
    let (kind, mut rest) = disposition.split_at(memchr(b';', disposition)?);
    let mut found = None;
    while let [b';', parameters @ ..] = rest {
        rest = parameters.trim_ascii_start();
        if rest.is_empty() {
            break;
        }
        let (key, value, after) = parameter(rest)?;
        if is_extended_name(key) || key.eq_ignore_ascii_case(NAME) && found.replace(value).is_some() {
            return None;
        }
        rest = after;
    }
    found.filter(|_| rest.is_empty() && kind.trim_ascii().eq_ignore_ascii_case(b"form-data"))
}

/// The value of the only `Content-Disposition`, if each header is a single line.
fn disposition(head: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n")?;
        let (header, value) = line.split_at(line.iter().position(|byte| !is_token(*byte))?);
        let value = value.strip_prefix(b":")?;
        let is_second = header.eq_ignore_ascii_case(b"content-disposition") && found.replace(value).is_some();
        if is_second || value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return None;
        }
    }
    found
}

/// The name and value of the parameter at the start of `text`, and the text after it.
///
/// A value may not contain a backslash or an apostrophe: some readers treat them as quoting, others, like browsers, do
/// not.
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (key, value) = text.split_at(text.iter().position(|byte| !is_token(*byte))?);
    let value = value.strip_prefix(b"=")?;
    let (value, after) = match value.strip_prefix(b"\"") {
        Some(quoted) => {
            let (value, after) = quoted.split_at(memchr(b'"', quoted)?);
            (value, &after[1..])
        }
        None => value.split_at(value.iter().position(|byte| !is_token(*byte)).unwrap_or(value.len())),
    };
    memchr2(b'\\', b'\'', value).is_none().then_some((key, value, after.trim_ascii_start()))
}

/// Whether the name is in the encoding of RFC 5987 or the pieces of RFC 2231, which only some readers know.
fn is_extended_name(key: &[u8]) -> bool {
    key.split_first_chunk().is_some_and(|(start, _): (&[u8; 5], _)| start.eq_ignore_ascii_case(b"name*"))
}

const NAME: &[u8] = b"name";

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":1}\r\n--b\r\n\
        content-disposition: form-data; name=other; filename=\"x\"\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n";

    #[test]
    fn fields_are_found_byte_for_byte() {
        assert_eq!(field("json", b"b", BODY.as_bytes()), Ok(Some(&b"{\"a\":1}"[..])));
        assert_eq!(field("other", b"b", BODY.as_bytes()), Ok(Some(&b""[..])));
        assert_eq!(field("none", b"b", BODY.as_bytes()), Ok(None));
        let (once, end) = BODY.split_at(BODY.len() - "--\r\n".len());
        let twice = format!("{once}{}{end}", &once["--b".len()..]);
        assert_eq!(field("json", b"b", twice.as_bytes()), Ok(Some(&b"{\"a\":1}"[..])), "the same twice");
    }

    #[test]
    fn a_part_that_readers_could_read_differently_is_refused() {
        let twice = BODY.replace("name=other", "name=json");
        assert_eq!(field("json", b"b", twice.as_bytes()), Err(Unusable::Conflicting));
        let no_name = BODY.replace("name=other;", "");
        assert_eq!(field("json", b"b", no_name.as_bytes()), Err(Unusable::NotMultipart));
        let two_names = BODY.replace("filename=", "name=");
        assert_eq!(field("other", b"b", two_names.as_bytes()), Err(Unusable::NotMultipart));
        assert_eq!(field("x", b"b", two_names.as_bytes()), Err(Unusable::NotMultipart));
        let no_head = BODY.replace("b\r\ncontent-", "b\r\n--b\r\ncontent-");
        assert_eq!(field("json", b"b", no_head.as_bytes()), Err(Unusable::NotMultipart));
        for body in ["", "x", "--b", "--b\r\n", "--c--", &BODY[..BODY.len() - 10]] {
            assert_eq!(field("json", b"b", body.as_bytes()), Err(Unusable::NotMultipart), "{body}");
        }
    }

    #[test]
    fn the_boundary_is_the_first_line_of_the_body() {
        assert_eq!(boundary(BODY.as_bytes()), Some(&b"b"[..]));
        assert_eq!(boundary(b"--a b\r\n"), Some(&b"a b"[..]));
        for form in ["a=1&b=2", "--a=1", "--a=1\n", "--\r\n", "\r\n--b\r\n", ""] {
            assert_eq!(boundary(form.as_bytes()), None, "{form:?}");
        }
        let line = |length: usize| format!("--{}\r\n", "b".repeat(length));
        assert_eq!(boundary(line(70).as_bytes()).map(<[u8]>::len), Some(70));
        assert_eq!(boundary(line(71).as_bytes()), None);
    }
}
