//! Amazon SNS's canonical form: names and values of the message, one per line, in the order of the names.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html>

use super::scalar;
use crate::{
    content::{Content, malformed_value},
    json::Scalar,
    rejection::{Problem, Rejection},
    scheme::Source,
};

/// The signed values of a notification; the subject only if there is one.
const NOTIFICATION: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];

/// The signed values of a confirmation that a subscription begins or ends.
const CONFIRMATION: [&str; 7] = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// Whether the value is signed in every kind of message.
pub(super) fn covers(source: &Source) -> bool {
    match source {
        Source::Json(pointer) => {
            let is_signed = |key: &str| NOTIFICATION.contains(&key) && CONFIRMATION.contains(&key);
            matches!(pointer.tokens(), [key] if is_signed(key))
        }
        _ => false,
    }
}

pub(super) fn write(_: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let kind = value(body, "Type")?.ok_or_else(|| malformed("Type", Problem::Missing))?;
    let keys = match kind.as_str() {
        "Notification" => NOTIFICATION.as_slice(),
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => CONFIRMATION.as_slice(),
        _ => return Err(Rejection::UnexpectedValue { place: "JSON value `/Type`".into() }),
    };
    let mut text = Vec::with_capacity(body.len());
    for key in keys {
        let value = match value(body, key)? {
            Some(value) => value,
            None if *key == "Subject" => continue,
            None => return Err(malformed(key, Problem::Missing)),
        };
        // Read from the end, the lines of all others have one place each. So the message may have any number of lines.
        if *key != "Message" && value.contains('\n') {
            return Err(Rejection::AmbiguousContent { rule: "a signed value contains the line break that ends it" });
        }
        for piece in [key, "\n", &value, "\n"] {
            text.extend_from_slice(piece.as_bytes());
        }
    }
    Ok(text)
}

fn value(body: &[u8], key: &str) -> Result<Option<String>, Rejection> {
    match scalar(body, &format!("/{key}")).map_err(|problem| malformed(key, problem))? {
        Some(Scalar::Text(text)) => Ok(Some(text)),
        Some(_) => Err(malformed(key, Problem::Encoding)),
        None => Ok(None),
    }
}

fn malformed(key: &str, problem: Problem) -> Rejection {
    malformed_value(format!("JSON value `/{key}`"), problem)
}
