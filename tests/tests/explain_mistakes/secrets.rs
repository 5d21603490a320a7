//! Secret mistakes: another encoding, stray characters, another kind, environment or endpoint.

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE};
use countersign::{Certainty, Mistake, SecretError, SecretMistake, Setup, Signer};
use countersign_tests::endpoint::Endpoint;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{
    NOW, ORDERS, SECRET, explain, hex, indicated, mistakes, now, of_secret, order, own, proven, sign,
    with_another_secret,
};

#[test]
fn a_secret_in_another_encoding_is_found_with_that_encoding() {
    let scheme = |secret: &str| own(&format!("{ORDERS}[secret]\n{secret}\n"));
    let request = |key: &[u8]| {
        let signer = Signer::new(scheme("encoding = 'hex'"), hex(key)).unwrap();
        signer.sign(order("{}"), now()).unwrap()
    };
    let key: Vec<u8> = (0..30).map(|byte| byte * 8 + 7).collect();
    let (base64, url, hex) = (STANDARD.encode(&key), URL_SAFE.encode(&key), hex(&key));
    assert_ne!(base64, url);
    for (rule, configured, pasted, signed) in [
        ("encoding = 'utf8'", "text", &*hex, "the bytes that it decodes to from hex"),
        ("encoding = 'utf8'", "text", &*base64, "the bytes that it decodes to from base64"),
        ("encoding = 'utf8'", "text", &*url, "the bytes that it decodes to from base64url"),
        ("encoding = 'base64'", "base64", &*hex, "the bytes that it decodes to from hex"),
    ] {
        let setup = Setup::new(scheme(rule)).unwrap().secret("endpoint", pasted);
        let mistake = SecretMistake::Encoding { configured, signed };
        assert_eq!(proven(&setup, &request(&key)), [of_secret("endpoint", mistake)], "{rule} {pasted}");
    }
    let setup = Setup::new(scheme("strip = 'whsec_'\nencoding = 'base64'")).unwrap();
    let setup = setup.secret("endpoint", format!("whsec_{base64}"));
    let mistake = SecretMistake::Encoding { configured: "base64", signed: "the text after its prefix" };
    assert_eq!(proven(&setup, &request(base64.as_bytes())), [of_secret("endpoint", mistake)]);
}

#[test]
fn a_secret_that_was_pasted_with_its_name_is_found() {
    let request = |secret: &str| Signer::new(own(ORDERS), secret).unwrap().sign(order("{}"), now()).unwrap();
    let stray = || vec![of_secret("endpoint", SecretMistake::Stray { at_sender: false })];
    // A secret of letters that a variable's name may have too: the `=` after them is padding.
    let padded = "ABCDEFGHIJKLMNOPQRSTUVWXYZ2345==";
    for (pasted, secret, found) in [
        (format!("ACME_SECRET_2={SECRET}"), SECRET, stray()),
        (format!("export ACME_SECRET_2=\"{SECRET}\""), SECRET, stray()),
        (format!("ACME_PRODUCTION_WEBHOOK_SIGNING_SECRET_17={SECRET}"), SECRET, stray()),
        (format!("secret={SECRET}"), SECRET, vec![]),
        (format!("={SECRET}"), SECRET, vec![]),
        (format!("'{padded}'"), padded, stray()),
    ] {
        let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", &*pasted);
        assert_eq!(proven(&setup, &request(secret)), found, "{pasted}");
    }
}

/// A prefix alone must not be reduced to the empty secret: that would hide that the sender's is empty.
#[test]
fn a_prefix_with_nothing_after_it_is_not_removed() {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(format!("{NOW}.17.{{}}").as_bytes());
    let mut request = order("{}");
    let signature = format!("v1={}", hex(&mac.finalize().into_bytes()));
    request.headers_mut().insert("acme-time", NOW.to_string().parse().unwrap());
    request.headers_mut().insert("acme-signature", signature.parse().unwrap());
    let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", "acme_");
    assert_eq!(proven(&setup, &request), [of_secret("the sender's", SecretMistake::Unset)]);
}

#[test]
fn a_public_key_that_lost_its_lines_is_found() {
    let scheme = |secret: &str| {
        let signature = "algorithm = 'ed25519'\nheader = 'Acme-Signature'\nvalue = '{hex}'\nsigns = '{body}'\n";
        own(&format!("name = 'Acme'\n[signature]\n{signature}[secret]\n{secret}\n"))
    };
    let pem = include_str!("../../vectors/keys/ed25519.pub.pem").trim();
    let private = include_str!("../../vectors/keys/ed25519.pem");
    let request = Signer::new(scheme(""), private).unwrap().sign(order("{}"), now()).unwrap();
    let in_one_line = pem.replace('\n', "\\n");
    let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    for (rule, pasted, is_found) in [
        ("", pem.to_owned(), false),
        ("", in_one_line.clone(), false),
        ("", format!("ACME_KEY=\"{pem}\""), false),
        ("", format!("ACME_KEY=\"{in_one_line}\""), false),
        ("", format!("ACME_KEY={}", pem.replace('\n', " ")), false),
        ("", format!("as of 2026: {pem} (new)"), false),
        ("", pem.replace('\n', "\u{a0}\n"), true),
        ("", pem.trim_end_matches(" PUBLIC KEY-----").to_owned(), true),
        ("encoding = 'hex'", format!("'{}'", hex(&der[der.len() - 32..])), true),
    ] {
        let setup = Setup::new(scheme(rule)).unwrap().secret("endpoint", &*pasted);
        let explanation = explain(&setup, &request, now());
        let stray = is_found.then(|| of_secret("endpoint", SecretMistake::Stray { at_sender: false }));
        assert_eq!(mistakes(&explanation, Certainty::Proven), Vec::from_iter(stray), "{pasted} {explanation}");
        assert_eq!(explanation.is_accepted(), !is_found, "{pasted}");
    }
}

#[test]
fn a_secret_of_another_environment_is_found_if_both_environments_are_known() {
    let other = |secret: &'static str, delivery| SecretMistake::Environment { secret, delivery };
    for (secret, body, found) in [
        ("acme_live_0123456789abcdef", "{\"test\":true}", Some(other("live", "test"))),
        ("acme_test_0123456789abcdef", "{\"test\":false}", Some(other("test", "live"))),
        ("acme_test_0123456789abcdef", "{\"livemode\":true}", Some(other("test", "live"))),
        ("acme-prod-0123456789abcdef", "{\"env\":\"Sandbox\"}", Some(other("live", "test"))),
        ("acme_live_0123456789abcdef", "{\"test\":false}", None),
        ("acme_live_0123456789abcdef", "{\"env\":\"other\"}", None),
        ("acme_0123456789abcdef", "{\"test\":true}", None),
    ] {
        let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", secret);
        let mut told = indicated(&setup, &sign(&own(ORDERS), order(body), now()));
        told.retain(|mistake| matches!(mistake, Mistake::Secret { mistake: SecretMistake::Environment { .. }, .. }));
        assert_eq!(told, Vec::from_iter(found.map(|found| of_secret("endpoint", found))), "{secret} {body}");
    }
}

#[test]
fn a_secret_with_the_prefix_of_the_scheme_is_not_another_credential() {
    for (rule, is_other) in [("strip = 'sk_'", false), ("strip = 'whsec_'", true), ("encoding = 'utf8'", false)] {
        let scheme = own(&format!("{ORDERS}[secret]\n{rule}\n"));
        let setup = Setup::new(&scheme).unwrap().secret("endpoint", "sk_0123456789abcdef0123456789abcdef");
        let told = indicated(&setup, &order("{}"));
        let is_told =
            told.iter().any(|told| matches!(told, Mistake::Secret { mistake: SecretMistake::Kind { .. }, .. }));
        assert_eq!(is_told, is_other, "{rule}: {told:?}");
    }
}

/// And not as wrongly encoded.
#[test]
fn an_empty_secret_is_reported_as_empty() {
    for rule in ["encoding = 'utf8'", "encoding = 'hex'", "encoding = 'base64'"] {
        let scheme = own(&format!("{ORDERS}[secret]\n{rule}\n"));
        for (text, error) in [("", SecretError::Empty), ("  ", SecretError::Blank)] {
            let setup = Setup::new(&scheme).unwrap().secret("endpoint", text);
            let told = indicated(&setup, &order("{}"));
            assert_eq!(told, [of_secret("endpoint", SecretMistake::Unusable(error))], "{rule}");
        }
    }
}

#[test]
fn the_secret_of_another_endpoint_is_named() {
    let scheme = own(ORDERS);
    let setup = with_another_secret(&scheme).other_secret("sandbox", "yet another secret of this test");
    let setup = setup.other_secret("shop", SECRET);
    let request = sign(&scheme, order("{}"), now());
    assert_eq!(proven(&setup, &request), [of_secret("shop", SecretMistake::OfAnotherEndpoint)]);
}

#[test]
fn each_secret_that_makes_no_key_is_named() {
    let scheme = own(&format!("{ORDERS}[secret]\nencoding = 'hex'\n"));
    let setup = Setup::new(&scheme).unwrap().secret("old", "not in hex").secret("new", "neither is this");
    let told = indicated(&setup, &sign(&own(ORDERS), order("{}"), now()));
    let keys = told.iter().filter_map(|mistake| match mistake {
        Mistake::Secret { key, mistake: SecretMistake::Unusable(_) } => Some(&**key),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["old", "new"]);
}

#[test]
fn a_public_key_is_tried_in_other_encodings() {
    let endpoint = Endpoint::find("discord");
    let public = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";
    assert_eq!(endpoint.secret, public);
    let request = endpoint.sample();
    let explain = |setup: Setup| {
        let explanation = countersign::explain(&setup, &request, request.body(), now());
        (mistakes(&explanation, Certainty::Proven), mistakes(&explanation, Certainty::Indicated))
    };
    let setup = || Setup::new(&endpoint.scheme).unwrap();
    let base64 = "DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq/R2GZP0=";
    let mistake =
        SecretMistake::Encoding { configured: "hex-any-case", signed: "the bytes that it decodes to from base64" };
    assert_eq!(explain(setup().secret("endpoint", base64)), (vec![of_secret("endpoint", mistake)], vec![]));

    // A key in PEM is accepted where the scheme expects hex.
    let other = include_str!("../../vectors/keys/other-ed25519.pub.pem");
    assert_eq!(explain(setup().secret("endpoint", other)), (vec![], vec![]));
    let (proven, told) = explain(setup().secret("old", other).secret("new", "no key"));
    let [Mistake::Secret { key, mistake: SecretMistake::Unusable(_) }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((proven, &**key), (vec![], "new"));
}
