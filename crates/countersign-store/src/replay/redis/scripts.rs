//! The commands and scripts of the operations.

use std::time::Duration;

use countersign::replay::{Claim, Lease, Settlement};
use redis::{Cmd, Value};

use super::{
    super::{attempt::Attempt, moment::Moment},
    RedisStoreError,
    request::{Invocation, Program, Request},
};

/// The scripts of the three operations.
#[derive(Debug)]
pub(super) struct Scripts {
    claim: Program,
    commit: Program,
    release: Program,
}

/// The arguments of every script.
pub(super) struct Call {
    pub(super) key: String,
    pub(super) fence: u64,
    pub(super) now: Moment,
}

/// How long a key stays after its event expired. Clocks may step back by as much.
const MARGIN: Duration = Duration::from_secs(86_400);

impl Scripts {
    pub(super) fn new() -> Self {
        Self { claim: Program::new(CLAIM), commit: Program::new(COMMIT), release: Program::new(RELEASE) }
    }

    /// Claims an event that is unknown or has expired.
    pub(super) fn claim<'s>(&'s self, call: &'s Call, until: Moment) -> Request<'s> {
        call.run(&self.claim, vec![text(until), stays(call.now, until).to_string()])
    }

    pub(super) fn commit<'s>(&'s self, call: &'s Call, until: Moment, attempt: Attempt) -> Request<'s> {
        let again = u8::from(attempt == Attempt::Second).to_string();
        call.run(&self.commit, vec![text(until), stays(call.now, until).to_string(), again])
    }

    pub(super) fn release<'s>(&'s self, call: &'s Call) -> Request<'s> {
        call.run(&self.release, Vec::new())
    }
}

impl Call {
    /// Claims an event that is unknown, as nearly every one is. It is one command, which takes the server less than
    /// half of the time of a script.
    pub(super) fn claim_new(&self, until: Moment) -> Request<'static> {
        // Everything but the key takes less than 64 bytes.
        let mut set = Cmd::with_capacity(6, self.key.len() + 64);
        set.arg("SET").arg(&self.key).arg(format!("h{:0MOMENT$}{:016x}", until.millis(), self.fence));
        set.arg("NX").arg("PX").arg(stays(self.now, until));
        Request::Command(set)
    }

    fn run<'s>(&'s self, program: &'s Program, more: Vec<String>) -> Request<'s> {
        let arguments = [text(self.now), self.fence_text()].into_iter().chain(more).collect();
        Request::Script(Invocation { program, key: &self.key, arguments })
    }

    fn fence_text(&self) -> String {
        format!("{:016x}", self.fence)
    }
}

/// The answer of the script that claims, to the process that would have this lease.
///
/// # Errors
///
/// If the script does not answer so.
pub(super) fn claim_of(answer: &Value, lease: Lease) -> Result<Claim, RedisStoreError> {
    match answer {
        Value::Int(0) => Ok(Claim::Fresh(lease)),
        Value::Int(1) => Ok(Claim::InProgress),
        Value::Int(2) => Ok(Claim::Done),
        _ => Err(RedisStoreError::unexpected(answer)),
    }
}

/// The answer of the scripts that commit and release.
///
/// # Errors
///
/// If neither script answers so.
pub(super) fn settlement_of(answer: &Value) -> Result<Settlement, RedisStoreError> {
    match answer {
        Value::Int(0) => Ok(Settlement::Settled),
        Value::Int(3) => Ok(Settlement::Lapsed),
        _ => Err(RedisStoreError::unexpected(answer)),
    }
}

/// The number of digits of a moment.
const MOMENT: usize = 13;

/// Decimal digits, padded so that their order as text is that of the numbers.
fn text(moment: Moment) -> String {
    format!("{:0MOMENT$}", moment.millis())
}

fn stays(now: Moment, until: Moment) -> i64 {
    let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
    until.millis().saturating_sub(now.millis()).saturating_add(margin)
}

// A value is one letter, the 13 digits of the expiry and the 16 hexadecimal digits of the fence. `ARGV` is: now, the
// fence, the expiry, and for how long Redis keeps the key in milliseconds.

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

// A server that is out of memory refuses a script whose first change is `SET`. It runs one whose first change takes no
// memory (https://redis.io/docs/latest/develop/programmability/eval-intro/, "Executing Scripts under low memory
// conditions"), such as `PEXPIRE`. The `SET` after it writes a value as long as the present one.

const COMMIT: &str = "
local known = redis.call('GET', KEYS[1])
if not known or string.sub(known, 15) ~= ARGV[2] then return 3 end
if string.sub(known, 1, 1) == 'd' then return ARGV[5] == '1' and 0 or 3 end
if string.sub(known, 2, 14) <= ARGV[1] then return 3 end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
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
