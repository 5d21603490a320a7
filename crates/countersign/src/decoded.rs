//! Undoes the content coding of a body, for schemes that sign the decoded body.

use std::{borrow::Cow, io::Read as _};

use http::header::CONTENT_ENCODING;

use crate::{head::Head, rejection::Rejection};

/// The longest decoded body if no limit is given, in bytes.
const MAX_UNPACKED: u64 = 16 * 1024 * 1024;

/// The body without its content coding; borrowed if it has none. A body that decodes to more than `limit` bytes is
/// refused, however short it arrived.
pub(crate) fn decoded<'b>(head: Head<'_>, body: &'b [u8], limit: Option<u64>) -> Result<Cow<'b, [u8]>, Rejection> {
    let mut codings = head.headers.get_all(CONTENT_ENCODING).into_iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(Cow::Borrowed(body)),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(Cow::Borrowed(body)),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"gzip") => {
            gunzip(body, limit.unwrap_or(MAX_UNPACKED)).map(Cow::Owned)
        }
        _ => Err(Rejection::ContentCoding),
    }
}

fn gunzip(body: &[u8], limit: u64) -> Result<Vec<u8>, Rejection> {
    let mut decoder = flate2::bufread::GzDecoder::new(body).take(limit.saturating_add(1));
    let mut unpacked = Vec::new();
    decoder.read_to_end(&mut unpacked).map_err(|_| Rejection::ContentCoding)?;
    if unpacked.len() as u64 > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    // Exactly one member: another reader could take anything after it for a part of the body.
    if decoder.into_inner().into_inner().is_empty() { Ok(unpacked) } else { Err(Rejection::ContentCoding) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use http::{HeaderMap, HeaderValue, Method, Uri};

    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(coding: &'static str, body: &[u8]) -> Result<Vec<u8>, Rejection> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        decoded(Head::new(&Method::POST, &Uri::from_static("/"), &headers), body, None).map(Cow::into_owned)
    }

    #[test]
    fn a_body_is_decoded_by_its_content_encoding() {
        assert_eq!(unpack("gzip", &packed(b"{}")), Ok(b"{}".to_vec()));
        assert_eq!(unpack("GZIP", &packed(b"")), Ok(Vec::new()));
        assert_eq!(unpack("identity", b"{}"), Ok(b"{}".to_vec()));
    }

    #[test]
    fn a_body_that_is_not_a_single_gzip_member_is_refused() {
        let twice = [packed(b"{}"), packed(b"{}")].concat();
        let cut = &packed(b"{}")[..15];
        for (coding, body) in
            [("gzip", b"{}".as_slice()), ("gzip", &twice), ("gzip", cut), ("br", b"{}"), ("gzip, gzip", b"")]
        {
            assert_eq!(unpack(coding, body), Err(Rejection::ContentCoding), "{coding}");
        }
    }

    #[test]
    fn a_body_that_exceeds_the_limit_when_decoded_is_refused() {
        let bomb = packed(&vec![0; 17 * 1024 * 1024]);
        assert!(bomb.len() < 20_000);
        assert_eq!(unpack("gzip", &bomb), Err(Rejection::BodyTooLarge { limit: Some(MAX_UNPACKED) }));
        for (limit, fits) in [(9, false), (10, true), (u64::MAX, true)] {
            assert_eq!(gunzip(&packed(&[0; 10]), limit).is_ok(), fits, "{limit}");
        }
    }
}
