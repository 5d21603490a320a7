//! What Redis is told to do, each time in one step.

use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::super::moment::Moment;

/// The scripts, and the hashes by which the server knows them.
#[derive(Debug)]
pub(super) struct Scripts {
    claim: Script,
    commit: Script,
    release: Script,
}

/// What all scripts are told.
pub(super) struct Call {
    pub(super) key: String,
    pub(super) fence: u64,
    pub(super) now: Moment,
}

/// It is done as asked.
pub(super) const YES: i64 = 0;

/// Somebody else holds the event.
pub(super) const HELD: i64 = 1;

/// The event is done.
pub(super) const DONE: i64 = 2;

/// The lease is over.
pub(super) const NO: i64 = 3;

/// So long what is over stays: clocks may step back so far.
const MARGIN: Duration = Duration::from_secs(86_400);

/// How often a call is made at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// The first may have been carried out, and its answer lost.
    Second,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self { claim: Script::new(CLAIM), commit: Script::new(COMMIT), release: Script::new(RELEASE) }
    }

    pub(super) fn claim(&self, call: &Call, until: Moment) -> ScriptInvocation<'_> {
        let mut invocation = call.begin(&self.claim);
        invocation.arg(text(until)).arg(stays(call.now, until));
        invocation
    }

    pub(super) fn commit(&self, call: &Call, until: Moment, attempt: Attempt) -> ScriptInvocation<'_> {
        let mut invocation = call.begin(&self.commit);
        invocation.arg(text(until)).arg(stays(call.now, until)).arg(u8::from(attempt == Attempt::Second));
        invocation
    }

    pub(super) fn release(&self, call: &Call) -> ScriptInvocation<'_> {
        call.begin(&self.release)
    }
}

impl Call {
    fn begin<'s>(&self, script: &'s Script) -> ScriptInvocation<'s> {
        let mut invocation = script.prepare_invoke();
        invocation.key(self.key.as_str()).arg(text(self.now)).arg(format!("{:016x}", self.fence));
        invocation
    }
}

/// Digits of one length, whose order as text is that of the numbers.
fn text(moment: Moment) -> String {
    format!("{:013}", moment.millis())
}

fn stays(now: Moment, until: Moment) -> i64 {
    let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
    until.millis().saturating_sub(now.millis()).saturating_add(margin)
}

// A value is one letter, 13 digits and 16 of the fence. `ARGV` is now, the fence, the end and how long the key stays.

const CLAIM: &str = "
local known = redis.call('GET', KEYS[1])
if known then
  if #known ~= 30 then return redis.error_reply('ERR the key holds something that is no claim') end
  local held = string.sub(known, 1, 1) == 'h'
  if held and string.sub(known, 15) == ARGV[2] then return 0 end
  if string.sub(known, 2, 14) > ARGV[1] then return held and 1 or 2 end
end
redis.call('SET', KEYS[1], 'h' .. ARGV[3] .. ARGV[2], 'PX', ARGV[4])
return 0
";

const COMMIT: &str = "
local known = redis.call('GET', KEYS[1])
if not known or string.sub(known, 15) ~= ARGV[2] then return 3 end
if string.sub(known, 1, 1) == 'd' then return ARGV[5] == '1' and 0 or 3 end
if string.sub(known, 2, 14) <= ARGV[1] then return 3 end
redis.call('SET', KEYS[1], 'd' .. ARGV[3] .. ARGV[2], 'PX', ARGV[4])
return 0
";

const RELEASE: &str = "
local known = redis.call('GET', KEYS[1])
if not known or string.sub(known, 1, 1) ~= 'h' or string.sub(known, 15) ~= ARGV[2] then return 3 end
if string.sub(known, 2, 14) <= ARGV[1] then return 3 end
redis.call('DEL', KEYS[1])
return 0
";
