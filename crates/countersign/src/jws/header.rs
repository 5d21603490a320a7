//! The protected header of a token, RFC 7515 section 4.

use std::fmt;

use serde_json::Value;

use super::{JwsAlgorithm, JwsProblem, decode};
use crate::{key::MAX_KEY_ID, members::Members};

/// What the protected header says.
pub(super) struct Header {
    pub(super) algorithm: JwsAlgorithm,
    pub(super) encodes_payload: bool,
    pub(super) has_critical: bool,
    members: Members<Value>,
}

impl Header {
    pub(super) fn read(base64: &[u8], allowed: &[JwsAlgorithm], b64: B64) -> Result<Self, JwsProblem> {
        let members = Members::<Value>::read(&decode(base64)?).ok_or(JwsProblem::Header)?;
        let text = |name| members.text(name).map_err(|()| JwsProblem::Header);
        let algorithm = text("alg")?.and_then(JwsAlgorithm::from_name).filter(|algorithm| allowed.contains(algorithm));
        if text("kid")?.is_some_and(|id| !is_key_id(id)) {
            return Err(JwsProblem::KeyId);
        }
        Ok(Self {
            algorithm: algorithm.ok_or(JwsProblem::Algorithm)?,
            encodes_payload: encodes_payload(&members, b64)?,
            has_critical: members.get("crit").is_some(),
            members,
        })
    }

    /// A member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.members.text(name).ok().flatten()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// When `b64` may be false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum B64 {
    /// If `crit` names it, as RFC 7797 section 6 demands.
    #[default]
    Critical,
    /// In any case: some libraries leave out `crit`, such as `PyJWT` before 2.13.
    Alone,
}

/// Whether the payload is encoded, by `crit` and `b64` together.
///
/// `crit` lists extensions that must be understood. It must not be empty, repeat a name, or name a missing member (RFC
/// 7515 section 4.1.11). Only `b64` is understood, so only one list is possible. Without it, `b64` may not be false:
/// readers that do not know `b64` would compute another text (RFC 7797 section 6).
fn encodes_payload(members: &Members<Value>, b64: B64) -> Result<bool, JwsProblem> {
    let has_critical = match members.get("crit") {
        None => false,
        Some(Value::Array(names)) if *names == ["b64"] => true,
        Some(_) => return Err(JwsProblem::Critical),
    };
    match (members.get("b64"), has_critical) {
        (None, false) | (Some(Value::Bool(true)), _) => Ok(true),
        (Some(Value::Bool(false)), true) => Ok(false),
        (Some(Value::Bool(false)), false) if b64 == B64::Alone => Ok(false),
        (None, true) | (Some(Value::Bool(false)), false) => Err(JwsProblem::Critical),
        (Some(_), _) => Err(JwsProblem::Header),
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=MAX_KEY_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
