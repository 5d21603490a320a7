//! Provider and rule mistakes: another provider, other signed content, another hash.

use bytes::Bytes;
use countersign::{Cause, HeaderMistake, Mistake, ProviderMistake, RuleMistake, Scheme, Setup, Signer, providers};
use http::Request;

use crate::{
    NOW, ORDERS, SECRET, explain, indicated, name, now, order, own, proven, setup, sign, timed, timed_file, timeless,
};

#[test]
fn a_delivery_of_another_provider_is_found() {
    let github = providers::GITHUB.scheme().unwrap();
    let other = |ids: &[&'static str]| Mistake::Provider(ProviderMistake::Other { ids: ids.to_vec() });
    let stripe = sign(&providers::STRIPE.scheme().unwrap(), order("{}"), now());
    assert_eq!(proven(&setup(&github), &stripe), [other(&["stripe"])]);

    // Its scheme makes another key from the secret.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let request = Request::post("/in").header("webhook-id", "evt-1").body("{}").unwrap();
    let request = Signer::new(providers::STANDARD_WEBHOOKS, secret).unwrap().sign(request, now()).unwrap();
    let found = proven(&Setup::new(&github).unwrap().secret("endpoint", secret), &request);
    let [Mistake::Provider(ProviderMistake::Other { ids })] = &found[..] else { panic!("{found:?}") };
    assert!(ids.contains(&"standard-webhooks"), "{ids:?}");
}

#[test]
fn signature_headers_of_other_schemes_show_the_possible_providers() {
    let stripe = providers::STRIPE.scheme().unwrap();
    let request = Request::post("/in").header("X-Hub-Signature-256", format!("sha256={:064}", 0));
    let request = request.header("X-Line-Signature", "AAAA").body(Bytes::new()).unwrap();
    let found = indicated(&setup(&stripe), &request);
    let Some(Mistake::Provider(ProviderMistake::OtherHeader { header, ids })) = found.first() else {
        panic!("{found:?}")
    };
    // Several providers use this header, and none of them the other one.
    assert_eq!(header, "x-hub-signature-256");
    assert!(ids.contains(&"github") && ids.contains(&"facebook-meta") && !ids.contains(&"line"), "{ids:?}");

    // `Authorization` identifies no provider.
    let request = Request::post("/in").header("Authorization", format!("Bearer {SECRET}")).body(Bytes::new()).unwrap();
    let found = explain(&setup(&stripe), &request, now());
    assert_eq!(found.causes().iter().map(Cause::code).collect::<Vec<_>>(), ["missing_signature"]);
}

#[test]
fn other_signed_content_is_found() {
    let content = |scheme: &Scheme, sent: &Scheme| {
        let found = proven(&setup(scheme), &sign(sent, order("{}"), now()));
        let [Mistake::Rule(RuleMistake::Content { signed })] = found[..] else { panic!("{found:?}") };
        signed
    };
    let with_id = |signs| own(&format!("{}[id]\nheader = 'Acme-Id'\n", timed_file("seconds", signs)));
    let timed = |signs| timed("seconds", signs);
    let timeless = |signs| timeless("hmac-sha256", signs);
    assert_eq!(content(&timed("{timestamp}.{body}"), &timed("{timestamp}:{body}")), "{timestamp}:{body}");
    assert_eq!(content(&timeless("{method}\\n{body}"), &timeless("{body}")), "{body}");
    assert_eq!(
        content(&with_id("{id}.{timestamp}.{body}"), &with_id("{timestamp}.{id}.{body}")),
        "{timestamp}.{id}.{body}"
    );
    // Without an id in the scheme, contents with an id are not tried.
    let mut request = sign(&timeless(".{body}"), order("{}"), now());
    request.headers_mut().insert("acme-time", NOW.into());
    assert_eq!(proven(&setup(&timed("{timestamp}.{body}")), &request), []);
}

#[test]
fn another_hash_function_is_found_for_an_hmac_and_for_a_plain_hash() {
    for (scheme, sent, expected, found) in
        [("hmac-sha256", "hmac-sha512", "sha256", "sha512"), ("sha512", "sha256", "sha512", "sha256")]
    {
        let signs = "{secret}.{body}";
        let request = sign(&timeless(sent, signs), order("{}"), now());
        let hash = RuleMistake::Hash { expected, found };
        assert_eq!(proven(&setup(&timeless(scheme, signs)), &request), [Mistake::Rule(hash)]);
    }
    // The label in front of it goes with the hash.
    let scheme = own(&ORDERS.replace("v1={hex}", "sha256={hex}"));
    let sent = own(&ORDERS.replace("v1={hex}", "sha1={hex}").replace("hmac-sha256", "hmac-sha1"));
    let found = proven(&setup(&scheme), &sign(&sent, order("{}"), now()));
    let layout = HeaderMistake::Layout { header: name("acme-signature") };
    let hash = RuleMistake::Hash { expected: "sha256", found: "sha1" };
    assert_eq!(found, [Mistake::Rule(hash), Mistake::Header(layout)]);
}
