//! A body that is first probed for whether all of it is there.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A request's body, which is first polled once, for whether all of it is there.
///
/// Boxed, because not every body can be moved after it was polled.
pub(crate) struct ProbedBody<B> {
    body: Pin<Box<B>>,
    /// The first frame, if the probe found that it is not the last.
    first: Option<Frame<Bytes>>,
    mode: ReadMode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadMode {
    /// Ready with a frame only if that is the whole body.
    Probe,
    FrameByFrame,
}

impl<B> ProbedBody<B> {
    /// A body that is pending unless all of it is there in one frame.
    pub(crate) fn new(body: B) -> Self {
        Self { body: Box::pin(body), first: None, mode: ReadMode::Probe }
    }

    /// The same body from its beginning, one frame after the other.
    pub(crate) fn frame_by_frame(self) -> Self {
        Self { mode: ReadMode::FrameByFrame, ..self }
    }
}

impl<B: Body<Data = Bytes>> Body for ProbedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        match ready!(self.body.as_mut().poll_frame(context)) {
            Some(Ok(frame)) if self.mode == ReadMode::Probe && !self.body.is_end_stream() => {
                self.first = Some(frame);
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(kept) = self.first.as_ref().and_then(Frame::data_ref) {
            let (lower, upper) = (hint.lower(), hint.upper());
            hint = SizeHint::new();
            hint.set_lower(lower.saturating_add(kept.len() as u64));
            if let Some(upper) = upper {
                hint.set_upper(upper.saturating_add(kept.len() as u64));
            }
        }
        hint
    }
}
