//! The answers to duplicates: `NoAnswers` and `IdempotentAnswers`.

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;
use countersign::{ReplayKey, scheme};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use quick_cache::{
    DefaultHashBuilder, Options, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// Whether first answers are kept ([`IdempotentAnswers`]) or not ([`NoAnswers`]). Sealed.
pub trait Answers<R>: Clone + Send + Sync + 'static + sealed::Sealed {
    /// Whether answers are kept at all.
    #[doc(hidden)]
    const KEEPS: bool;

    /// Reads the first answer, and copies it if it may be kept.
    #[doc(hidden)]
    fn take(&self, first: Response<R>) -> impl Future<Output = Result<(Response<R>, Option<Kept>), BodyFailed>> + Send;

    /// Keeps the answer to an event that is done.
    #[doc(hidden)]
    fn keep(&self, key: ReplayKey, kept: Kept);

    /// Forgets an older answer: the event was handled again, after it had been forgotten.
    #[doc(hidden)]
    fn forget(&self, key: ReplayKey);

    /// The first answer, if it was kept.
    #[doc(hidden)]
    fn repeat(&self, key: ReplayKey) -> Option<Response<R>>;
}

/// Keeps no answers: duplicates get the provider's acknowledgement, a bare 200 for most.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoAnswers {}

/// How many first answers are kept for duplicates: in the memory of this process, until newer ones need the room.
///
/// Answers of known length that the provider [accepts](countersign::scheme::Answers::accepts) are kept, with their headers and
/// without trailers. Reading the body has the handler's timeout; if it fails, the answer is 500, although the event was handled. A
/// duplicate whose answer was not kept gets the provider's [acknowledgement](countersign::Delivery::acknowledgement).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct IdempotentAnswers {
    count: usize,
    bytes: usize,
    bytes_each: usize,
}

impl IdempotentAnswers {
    /// 10,000 answers of up to 64 KiB each, and 16 MiB in all.
    pub fn new() -> Self {
        Self { count: 10_000, bytes: 16 << 20, bytes_each: 64 << 10 }
    }

    /// Keeps up to `count` answers; 10,000 unless this says otherwise. With 0, none are kept.
    pub fn with_count_limit(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Keeps up to `bytes` bytes in all; 16 MiB unless this says otherwise.
    pub fn with_byte_limit(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Keeps answers of up to `bytes` bytes, and no longer ones; 64 KiB unless this says otherwise.
    pub fn with_answer_byte_limit(mut self, bytes: usize) -> Self {
        self.bytes_each = bytes;
        self
    }
}

impl IdempotentAnswers {
    /// The cache would choose its number of shards by the number of cores, and a shard keeps nothing that is larger than itself.
    #[expect(clippy::expect_used, reason = "both capacities that it requires are set")]
    fn options(self, bytes: usize) -> Options {
        let largest = self.bytes_each.saturating_add(PER_ANSWER).saturating_mul(ANSWERS_PER_SHARD);
        // Rounded down to a power of two: the cache would round up, and its shards would be too small.
        let shards = 1 << (bytes / largest).clamp(1, MAX_SHARDS).ilog2();
        OptionsBuilder::new()
            .estimated_items_capacity(self.count)
            .weight_capacity(bytes as u64)
            .shards(shards)
            .build()
            .expect("its capacities are set")
    }
}

impl Default for IdempotentAnswers {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Default + Send + 'static> Answers<R> for NoAnswers {
    const KEEPS: bool = false;

    async fn take(&self, first: Response<R>) -> Result<(Response<R>, Option<Kept>), BodyFailed> {
        Ok((first, None))
    }

    fn keep(&self, _: ReplayKey, _: Kept) {}

    fn forget(&self, _: ReplayKey) {}

    fn repeat(&self, _: ReplayKey) -> Option<Response<R>> {
        None
    }
}

/// The first answers that are kept, within the limits of [`IdempotentAnswers`].
#[derive(Clone)]
pub struct KeptAnswers {
    cache: Arc<Cache<ReplayKey, Arc<Kept>, Weight>>,
    bytes_each: usize,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The body of the handler's answer failed while it was read.
#[derive(Debug)]
pub struct BodyFailed;

#[derive(Clone)]
struct Weight {
    /// The least weight of an answer, which limits their count.
    least: usize,
}

impl Weighter<ReplayKey, Arc<Kept>> for Weight {
    fn weight(&self, _: &ReplayKey, kept: &Arc<Kept>) -> u64 {
        kept.size().max(self.least) as u64
    }
}

impl Kept {
    /// Whether it ends the provider's retries.
    pub(super) fn is_accepted_by(&self, provider: &scheme::Answers) -> bool {
        provider.accepts(self.status) && provider.body().is_none_or(|wanted| self.body == wanted.as_bytes())
    }

    fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_HEADER);
        PER_ANSWER + headers.sum::<usize>() + self.body.len()
    }
}

/// How many of the largest answers a shard of the cache has room for, at least, unless the whole cache has less.
const ANSWERS_PER_SHARD: usize = 4;

/// Shards keep cores from waiting for each other's locks.
const MAX_SHARDS: usize = 64;

/// The memory of an answer apart from its text, in bytes, rounded up.
const PER_ANSWER: usize = 256;

/// The memory of a header apart from its text, in bytes, rounded up.
const PER_HEADER: usize = 128;

impl KeptAnswers {
    pub(super) fn new(limits: IdempotentAnswers) -> Self {
        // An answer as large as the whole cache would not be kept.
        let least = limits.bytes.div_ceil(limits.count.max(1)).min(limits.bytes / 10 * 9);
        let bytes = if limits.count == 0 { 0 } else { limits.bytes };
        let cache = Cache::with_options(
            limits.options(bytes),
            Weight { least },
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Self { cache: Arc::new(cache), bytes_each: limits.bytes_each }
    }
}

impl<R> Answers<R> for KeptAnswers
where
    R: Body<Data = Bytes> + Default + From<Bytes> + Send + 'static,
{
    const KEEPS: bool = true;

    async fn take(&self, first: Response<R>) -> Result<(Response<R>, Option<Kept>), BodyFailed> {
        let length = first.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
        if length.is_none_or(|length| length > self.bytes_each) {
            return Ok((first, None));
        }
        let (parts, body) = first.into_parts();
        let body = body.collect().await.map_err(|_| BodyFailed)?.to_bytes();
        let kept = Kept { status: parts.status, headers: parts.headers.clone(), body: body.clone() };
        let kept = Some(kept).filter(|kept| kept.size() <= self.bytes_each.saturating_add(PER_ANSWER));
        Ok((Response::from_parts(parts, body.into()), kept))
    }

    fn keep(&self, key: ReplayKey, kept: Kept) {
        self.cache.insert(key, Arc::new(kept));
    }

    fn forget(&self, key: ReplayKey) {
        self.cache.remove(&key);
    }

    fn repeat(&self, key: ReplayKey) -> Option<Response<R>> {
        let kept = self.cache.get(&key)?;
        let mut response = Response::new(R::from(kept.body.clone()));
        *response.status_mut() = kept.status;
        *response.headers_mut() = kept.headers.clone();
        Some(response)
    }
}

impl fmt::Debug for KeptAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswers").field("count", &self.cache.len()).finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::NoAnswers {}
    impl Sealed for super::KeptAnswers {}
}
