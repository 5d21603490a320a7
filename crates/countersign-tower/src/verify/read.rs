//! Reads the body of a request under its limits.

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use countersign::Rejection;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use http_body::Body;
use http_body_util::LengthLimitError;

/// Checks the announced length, and reads the whole body.
pub(super) async fn check_and_read_whole<B>(head: &Parts, body: &mut B, limit: u64) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = announced_length(head, body, limit)?;
    read_whole(body, announced, limit).await
}

/// Reads the whole body, whose length must be the announced one.
pub(super) async fn read_whole<B>(body: &mut B, announced: Option<u64>, limit: u64) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut whole = BytesMut::new();
    read(body, |chunk| append(&mut whole, &chunk, limit)).await?;
    if announced.is_some_and(|announced| announced != whole.len() as u64) {
        return Err(Rejection::BodyIncomplete);
    }
    Ok(whole.freeze())
}

/// Appends a chunk, up to the limit.
fn append(whole: &mut BytesMut, chunk: &[u8], limit: u64) -> Result<(), Rejection> {
    whole.extend_from_slice(chunk);
    if whole.len() as u64 > limit { Err(Rejection::BodyTooLarge { limit: Some(limit) }) } else { Ok(()) }
}

/// Reads a body to its end, and gives each chunk to `take`.
pub(super) async fn read<B>(body: &mut B, mut take: impl FnMut(Bytes) -> Result<(), Rejection>) -> Result<(), Rejection>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    poll_fn(|context| poll_read(body, context, &mut take)).await
}

fn poll_read<B>(
    body: &mut B,
    context: &mut Context<'_>,
    take: &mut impl FnMut(Bytes) -> Result<(), Rejection>,
) -> Poll<Result<(), Rejection>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    while !body.is_end_stream() {
        let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)) else { break };
        let frame = frame.map_err(|error| read_error(error.into().as_ref()))?;
        // Trailers are not part of the body, and no scheme signs them.
        if let Ok(chunk) = frame.into_data() {
            take(chunk)?;
        }
    }
    Poll::Ready(Ok(()))
}

/// The length of the body that the head announces, which must not be above the limit.
pub(super) fn announced_length(head: &Parts, body: &impl Body, limit: u64) -> Result<Option<u64>, Rejection> {
    check_transfer_coding(&head.headers)?;
    let announced = content_length(&head.headers)?;
    if announced.unwrap_or(0) > limit || body.size_hint().lower() > limit {
        return Err(Rejection::BodyTooLarge { limit: Some(limit) });
    }
    Ok(announced)
}

/// Why reading failed: the stream ended early, or met a limit that your code put around the body.
fn read_error(error: &(dyn Error + 'static)) -> Rejection {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Rejection::BodyTooLarge { limit: None };
        }
        cause = error.source();
    }
    Rejection::BodyIncomplete
}

/// Refuses a body in a transfer coding that was not decoded. A request may have several (RFC 9112 section 6.1), and hyper decodes
/// `chunked` only and ignores those before it.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Rejection::TransferCoding),
    }
}

/// The announced length. RFC 9110 section 8.6: digits only, and several lines must agree.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Rejection> {
    let mut lines = headers.get_all(CONTENT_LENGTH).into_iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if first.is_empty() || lines.any(|line| line != first) {
        return Err(Rejection::ContentLength);
    }
    let mut length: u64 = 0;
    for byte in first.as_bytes() {
        if !byte.is_ascii_digit() {
            return Err(Rejection::ContentLength);
        }
        // Saturates at `u64::MAX`, which is above every limit.
        length = length.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    Ok(Some(length))
}
