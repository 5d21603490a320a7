//! Verifies a provider that is not in the catalogue, with a scheme file, [`acme.toml`](../acme.toml), and no Rust code
//! for it.
//!
//! ```sh
//! cargo run -p example-own-scheme
//! ```
//!
//! The same file works on the command line (here, in its folder), to try an endpoint or to verify a saved request:
//!
//! ```sh
//! export ACME_SECRET=acme_c2VjcmV0LW9mLXRoZS1leGFtcGxl
//! countersign send --scheme acme.toml --to http://localhost:3000/acme --data '{"event":"order.paid"}' --secret-env ACME_SECRET
//! countersign verify --scheme acme.toml request.http --secret-env ACME_SECRET
//! ```

use std::{error::Error, time::SystemTime};

use countersign::{Rejection, Scheme, Signer, Timestamp, Verified, Verifier};
use http::Request;

const ACME: &str = include_str!("../acme.toml");

/// In a real service, the secret comes from the environment.
const SECRET: &str = "acme_c2VjcmV0LW9mLXRoZS1leGFtcGxl";

fn main() -> Result<(), Box<dyn Error>> {
    // Once, at startup: a mistake in the file is an error with line and column.
    let scheme = Scheme::from_toml("acme", ACME)?;
    let verifier = Verifier::new(&scheme, SECRET)?;

    // What Acme would send. In your tests, the signer plays its part.
    let now = Timestamp::from(SystemTime::now());
    let order = Request::post("/acme").body(r#"{"event":"order.paid","order":17}"#)?;
    let delivery = Signer::new(&scheme, SECRET)?.sign(order, now)?;
    println!("genuine: {}", describe(&verifier.verify(&delivery, delivery.body(), now)));

    let changed = r#"{"event":"order.paid","order":18}"#;
    println!("changed: {}", describe(&verifier.verify(&delivery, changed, now)));

    let later = Timestamp::from_unix_seconds(now.unix_seconds() + 600);
    println!("late:    {}", describe(&verifier.verify(&delivery, delivery.body(), later)));
    Ok(())
}

fn describe<B: AsRef<[u8]>>(verdict: &Result<Verified<'_, B>, Rejection>) -> String {
    match verdict {
        Ok(verified) => match (verified.event_type(), verified.event_id()) {
            (Some(kind), Some(id)) => format!("accepted {kind} as {id}, signed with {}", verified.key_label()),
            _ => "accepted an event without a type or id".to_owned(),
        },
        Err(rejection) => format!("refused with {}: {rejection}", rejection.status()),
    }
}

#[cfg(test)]
mod tests {
    use countersign::scheme::Field;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

    fn verdict(body: &str, now: Timestamp) -> String {
        let scheme = Scheme::from_toml("acme", ACME).unwrap();
        let request =
            Request::post("/acme").header("X-Acme-Delivery", "d-1").body(r#"{"event":"order.paid"}"#).unwrap();
        let signed = Signer::new(&scheme, SECRET).unwrap().sign(request, NOW).unwrap();
        describe(&Verifier::new(&scheme, SECRET).unwrap().verify(&signed, body, now))
    }

    #[test]
    fn it_runs() {
        main().unwrap();
    }

    #[test]
    fn a_genuine_delivery_is_accepted() {
        assert_eq!(verdict(r#"{"event":"order.paid"}"#, NOW), "accepted order.paid as d-1, signed with key-1");
    }

    #[test]
    fn a_changed_and_a_late_one_are_refused() {
        assert!(verdict(r#"{"event":"order.void"}"#, NOW).starts_with("refused with 401"));
        let later = Timestamp::from_unix_seconds(NOW.unix_seconds() + 301);
        assert!(verdict(r#"{"event":"order.paid"}"#, later).starts_with("refused with 401"));
    }

    #[test]
    fn the_id_and_the_type_are_covered_by_the_signature() {
        let scheme = Scheme::from_toml("acme", ACME).unwrap();
        assert!(scheme.event_id().is_some_and(Field::is_covered));
        assert!(scheme.event_type().is_some_and(Field::is_covered));
    }

    #[test]
    fn a_secret_of_another_provider_is_refused_at_start_up() {
        let scheme = Scheme::from_toml("acme", ACME).unwrap();
        assert!(Verifier::new(&scheme, "c2VjcmV0").unwrap_err().to_string().contains("acme_"));
    }
}
