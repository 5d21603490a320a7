//! A verdict in the making that keeps the body: hashed as it arrives, handed on uncopied if it came in one piece.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;

use crate::{
    evidence::Examined,
    head::Head,
    pending::{Awaited, Running},
    rejection::Rejection,
    timestamp::Timestamp,
    verified::Verified,
    verifier::Verifier,
};

/// For how many announced bytes room is made at once, 256 KiB; beyond it grows with what has arrived.
const TRUSTED_ANNOUNCEMENT: u64 = 256 * 1024;

/// Hashes the chunks of a body as they arrive and keeps them, under a limit; made by [`Verifier::collect`].
///
/// This is what an HTTP layer needs: the accepted body is the very one that was hashed.
#[must_use = "a delivery is neither accepted nor refused before `finish`"]
pub struct Collecting<'r> {
    verifier: &'r Verifier,
    head: Head<'r>,
    now: Timestamp,
    /// In a box, as the hashes are: both are large, and an HTTP layer moves this about.
    examined: Box<Examined<'r>>,
    awaited: Awaited,
    /// Hashes what has arrived. Not made for a body that is there at once, which is hashed when it is judged.
    running: Option<Box<Running>>,
    limit: u64,
    /// The length of the body as the head announces it, or 0: a hint, not a fact.
    announced: u64,
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
        let (head, now) = (head.into(), now.into());
        let mut examined = Box::default();
        let awaited = self.await_body(head, now, &mut examined)?;
        let announced = head.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|digits| digits.to_str().ok()?.parse().ok()).unwrap_or(0);
        let (only, joined) = (Bytes::new(), BytesMut::new());
        let mut collecting = Collecting {
            verifier: self,
            head,
            now,
            examined,
            awaited,
            running: None,
            limit,
            announced,
            received: 0,
            only,
            joined,
        };
        if !self.layout().is_plain {
            // What the head lacks of the signed content is found missing now.
            collecting.run()?;
        }
        Ok(collecting)
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
        let is_all = self.only.is_empty() && self.received == self.announced;
        if !is_all && self.running.is_none() {
            self.run()?;
        }
        if let Some(running) = &mut self.running {
            running.update(self.verifier, &chunk);
        }
        self.keep(chunk);
        Ok(())
    }

    /// Has the hashes run, if the verdict takes some, and take what has arrived.
    fn run(&mut self) -> Result<(), Rejection> {
        if matches!(self.awaited, Awaited::Body) {
            let running = self.running.insert(Box::default());
            running.start(self.verifier, self.head, &self.examined, self.now)?;
            running.update(self.verifier, &self.only);
        }
        Ok(())
    }

    fn keep(&mut self, chunk: Bytes) {
        if !self.joined.is_empty() {
            self.joined.extend_from_slice(&chunk);
        } else if self.only.is_empty() {
            self.only = chunk;
        } else if !chunk.is_empty() {
            let announced = self.announced.min(self.limit).min(TRUSTED_ANNOUNCEMENT);
            self.joined.reserve((self.only.len() + chunk.len()).max(usize::try_from(announced).unwrap_or(0)));
            self.joined.extend_from_slice(&self.only);
            self.joined.extend_from_slice(&chunk);
        }
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
        let Self { verifier, head, now, mut examined, awaited, running, only, joined, .. } = self;
        let body = if joined.is_empty() { only } else { joined.freeze() };
        let maker = match (awaited, running) {
            (Awaited::Nothing(maker), _) => maker,
            (Awaited::Body, Some(mut running)) => running.finish(verifier, head, &examined)?,
            (Awaited::Body, None) => verifier.judge_plain(head, &examined, &body, now)?,
            (Awaited::WholeBody, _) => {
                let (maker, whole) = verifier.judge_whole(head, &body, now)?;
                *examined = whole;
                maker
            }
        };
        // Without its content coding, if it was signed so: what was hashed is what is handed on.
        let body = examined.decoded.take().unwrap_or(body);
        Ok(Verified::new(verifier, head, maker, &mut examined, body))
    }
}

impl fmt::Debug for Collecting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collecting")
            .field("scheme", &self.verifier.scheme().id())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
