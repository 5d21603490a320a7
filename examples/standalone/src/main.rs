//! Verifies a webhook without a framework and without async, from the head, the raw body and the time. Run with
//! `cargo run -p example-standalone`.

use std::time::SystemTime;

use countersign::{ConfigError, Rejection, Signer, Timestamp, Verifier, providers};
use http::{Request, request::Parts};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::new(providers::SLACK, SECRET)?;
    let now = Timestamp::from(SystemTime::now());

    // What a server would have received; here we sign it ourselves.
    let request = Request::post("/slack").body(r#"{"type":"event_callback","event_id":"Ev123"}"#)?;
    let (head, body) = Signer::new(providers::SLACK, SECRET)?.sign(request, now)?.into_parts();

    println!("as sent:        {}", describe(judge(&verifier, &head, &body, now)));
    println!("body changed:   {}", describe(judge(&verifier, &head, b"{\"type\":\"forged\"}", now)));
    let in_an_hour = Timestamp::from_unix_seconds(now.unix_seconds() + 3600);
    println!("an hour later:  {}", describe(judge(&verifier, &head, &body, in_an_hour)));
    let rotating = rotating("the-secret-of-next-month", SECRET)?;
    println!("in a rotation:  {}", describe(judge(&rotating, &head, &body, now)));
    Ok(())
}

/// Verifies one request and returns the id of its event.
fn judge(verifier: &Verifier, head: &Parts, body: &[u8], now: Timestamp) -> Result<String, Rejection> {
    let verified = verifier.verify(head, body, now)?;
    Ok(verified.event_id().map(|id| id.to_string()).unwrap_or_default())
}

fn describe(verdict: Result<String, Rejection>) -> String {
    match verdict {
        Ok(event) => format!("accepted, event {event}"),
        Err(rejection) => format!("refused with {} ({}): {rejection}", rejection.status(), rejection.code()),
    }
}

/// A verifier that accepts the new secret and, for as long as the provider still uses it, the old one.
fn rotating(new: &str, old: &str) -> Result<Verifier, ConfigError> {
    Verifier::builder(providers::SLACK).secret(new).secret(old).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

    fn signed_with(secret: &str) -> (Parts, Vec<u8>) {
        let request = Request::post("/slack").body(r#"{"event_id":"Ev123"}"#).unwrap();
        let (head, body) = Signer::new(providers::SLACK, secret).unwrap().sign(request, NOW).unwrap().into_parts();
        (head, body.to_vec())
    }

    #[test]
    fn it_runs() {
        main().unwrap();
    }

    #[test]
    fn what_is_signed_is_accepted_and_what_is_changed_is_not() {
        let verifier = Verifier::new(providers::SLACK, SECRET).unwrap();
        let (head, mut body) = signed_with(SECRET);
        assert_eq!(judge(&verifier, &head, &body, NOW), Ok("Ev123".to_owned()));
        body[0] ^= 1;
        assert_eq!(judge(&verifier, &head, &body, NOW), Err(Rejection::Signature));
    }

    #[test]
    fn both_secrets_of_a_rotation_are_accepted() {
        let verifier = rotating("the-new-secret", "the-old-secret").unwrap();
        for secret in ["the-new-secret", "the-old-secret"] {
            let (head, body) = signed_with(secret);
            assert!(judge(&verifier, &head, &body, NOW).is_ok());
        }
    }
}
