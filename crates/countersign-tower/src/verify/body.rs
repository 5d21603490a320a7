//! The body of a verified request.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The whole body of a verified request. Only the layers make one, so a `VerifiedBody` proves that the request was verified.
///
/// ```compile_fail
/// let forged = countersign_tower::VerifiedBody { bytes: Some(bytes::Bytes::new()) };
/// ```
#[derive(Clone)]
pub struct VerifiedBody {
    bytes: Option<Bytes>,
}

impl fmt::Debug for VerifiedBody {
    /// Only its length: some providers send their secret in the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBody").field("bytes", &self.bytes.as_ref().map_or(0, Bytes::len)).finish()
    }
}

impl VerifiedBody {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) }
    }

    /// The bytes as they were signed: as they arrived, or unpacked where the provider signs them so.
    pub fn into_bytes(self) -> Bytes {
        self.bytes.unwrap_or_default()
    }
}

impl AsRef<[u8]> for VerifiedBody {
    /// The bytes as they were signed; none once they have been read as a stream.
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl From<VerifiedBody> for Bytes {
    fn from(body: VerifiedBody) -> Self {
        body.into_bytes()
    }
}

impl Body for VerifiedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
