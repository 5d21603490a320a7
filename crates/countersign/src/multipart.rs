//! Reads single fields out of a `multipart/form-data` body (RFC 7578), strictly and without copying.

use memchr::memmem;

use crate::head::Unusable;

/// The most parts of one body; a webhook has a handful.
const MAX_PARTS: usize = 100;

/// In characters.
const MAX_BOUNDARY: usize = 70;

/// The boundary of the body, if that is multipart form data.
///
/// Told by its first line, which no URL-encoded form has, and not by the `Content-Type`: hardly any scheme signs that, and
/// another one would have another reader find no field, or none as it was, in the same signed bytes.
///
/// RFC 2046 section 5.1.1: 1 to 70 characters.
pub(crate) fn boundary(body: &[u8]) -> Option<&[u8]> {
    let line = body.strip_prefix(b"--")?;
    let line = &line[..line.len().min(MAX_BOUNDARY + 2)];
    let boundary = &line[..memmem::find(line, b"\r\n")?];
    (!boundary.is_empty()).then_some(boundary)
}

/// The bytes of the field `wanted`. Several of one name must say the same.
pub(crate) fn field<'b>(wanted: &str, boundary: &[u8], body: &'b [u8]) -> Result<Option<&'b [u8]>, Unusable> {
    let delimiter = [b"--", boundary].concat();
    let mut rest = body.strip_prefix(&*delimiter).ok_or(Unusable::NotMultipart)?;
    let next = [b"\r\n", &*delimiter].concat();
    let next = memmem::Finder::new(&next);
    let mut found = None;
    for _ in 0..MAX_PARTS {
        if rest.starts_with(b"--") {
            return Ok(found);
        }
        let part = rest.strip_prefix(b"\r\n").ok_or(Unusable::NotMultipart)?;
        let head_end = memmem::find(part, b"\r\n\r\n").ok_or(Unusable::NotMultipart)?;
        let (head, content) = (&part[..head_end], &part[head_end + 4..]);
        let content_end = next.find(content).ok_or(Unusable::NotMultipart)?;
        if name(head)? == wanted.as_bytes() {
            let value = &content[..content_end];
            match found.replace(value) {
                Some(before) if before != value => return Err(Unusable::Conflicting),
                _ => {}
            }
        }
        rest = &content[content_end + next.needle().len()..];
    }
    Err(Unusable::NotMultipart)
}

/// The name of the field that a part's headers tell; exactly one `Content-Disposition` with exactly one `name`.
fn name(head: &[u8]) -> Result<&[u8], Unusable> {
    let text = std::str::from_utf8(head).map_err(|_| Unusable::NotMultipart)?;
    let mut names = text
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .filter(|(header, _)| header.trim().eq_ignore_ascii_case("content-disposition"))
        .flat_map(|(_, value)| value.split(';').skip(1))
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("name"))
        .map(|(_, value)| unquoted(value.trim()));
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.as_bytes()),
        _ => Err(Unusable::NotMultipart),
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

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
    fn what_readers_could_disagree_about_is_refused() {
        let twice = BODY.replace("name=other", "name=json");
        assert_eq!(field("json", b"b", twice.as_bytes()), Err(Unusable::Conflicting));
        let no_name = BODY.replace("name=other;", "");
        assert_eq!(field("json", b"b", no_name.as_bytes()), Err(Unusable::NotMultipart));
        let two_names = BODY.replace("filename=", "name=");
        assert_eq!(field("json", b"b", two_names.as_bytes()), Err(Unusable::NotMultipart));
        for body in ["", "x", "--b", "--b\r\n", "--c--", &BODY[..BODY.len() - 10]] {
            assert_eq!(field("json", b"b", body.as_bytes()), Err(Unusable::NotMultipart), "{body}");
        }
    }

    #[test]
    fn the_boundary_stands_in_the_first_line_of_the_body() {
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
