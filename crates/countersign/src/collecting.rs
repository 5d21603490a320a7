//! A verdict in the making that keeps the body: hashed as it arrives, handed on uncopied if it came in one piece.

use bytes::{Bytes, BytesMut};

use crate::{
    head::Head, pending::Pending, rejection::Rejection, timestamp::Timestamp, verified::Verified, verifier::Verifier,
};

/// For how many announced bytes room is made at once, 256 KiB; beyond it grows with what has arrived.
const TRUSTED_ANNOUNCEMENT: u64 = 256 * 1024;

/// Hashes the chunks of a body as they arrive and keeps them, under a limit; made by [`Verifier::collect`].
///
/// This is what an HTTP layer needs: the accepted body is the very one that was hashed.
#[derive(Debug)]
#[must_use = "a delivery is neither accepted nor refused before `finish`"]
pub struct Collecting<'r> {
    pending: Pending<'r>,
    limit: u64,
    received: u64,
    /// A body of one chunk is handed on as it came.
    only: Bytes,
    joined: BytesMut,
}

impl Verifier {
    /// As [`begin`](Self::begin), but keeps the chunks of the body as well, up to `limit` bytes in all.
    ///
    /// # Errors
    ///
    /// Every reason that the head alone gives.
    pub fn collect<'r>(
        &'r self,
        head: impl Into<Head<'r>>,
        limit: u64,
        now: impl Into<Timestamp>,
    ) -> Result<Collecting<'r>, Rejection> {
        let pending = self.begin(head, now)?;
        Ok(Collecting { pending, limit, received: 0, only: Bytes::new(), joined: BytesMut::new() })
    }
}

impl<'r> Collecting<'r> {
    /// Takes the next chunk of the body.
    ///
    /// # Errors
    ///
    /// [`Rejection::BodyTooLarge`] as soon as more than the limit has arrived.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Rejection> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            return Err(Rejection::BodyTooLarge { limit: Some(self.limit) });
        }
        if !self.pending.keeps_body() {
            self.pending.update(&chunk);
        }
        if !self.joined.is_empty() {
            self.joined.extend_from_slice(&chunk);
        } else if self.only.is_empty() {
            self.only = chunk;
        } else if !chunk.is_empty() {
            let announced = self.pending.announced_length().min(self.limit).min(TRUSTED_ANNOUNCEMENT);
            self.joined.reserve((self.only.len() + chunk.len()).max(usize::try_from(announced).unwrap_or(0)));
            self.joined.extend_from_slice(&self.only);
            self.joined.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// How many bytes have arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Ends the body and gives the verdict.
    ///
    /// # Errors
    ///
    /// The one reason for which the delivery is refused.
    pub fn finish(self) -> Result<Verified<'r, Bytes>, Rejection> {
        let Self { mut pending, only, joined, .. } = self;
        let body = if joined.is_empty() { only } else { joined.freeze() };
        let verified = if pending.keeps_body() { pending.conclude_whole(&body)? } else { pending.conclude()? };
        Ok(verified.with_payload(body))
    }
}
