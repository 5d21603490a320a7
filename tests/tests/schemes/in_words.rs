//! The descriptions of schemes in words, for pages and reports.

use crate::{HEAD, HMAC, accepted};

fn with_signature(signature: &str) -> String {
    format!("{HEAD}algorithm = \"{signature}")
}

#[test]
fn the_rules_of_a_token_are_described() {
    let jwt = |rules: &str| {
        let file =
            format!("jwt\"\nheader = \"T\"\ncovers_body = false\n[settings]\ntenant = \"its name\"\n[jwt]\n{rules}");
        accepted(&with_signature(&file)).signature_rules()
    };
    let hs256 = "algorithms = [\"HS256\"]\n";
    assert_eq!(jwt(hs256), ["signed by `HS256`", "`iat` may be 1m ahead of the clock"]);
    let strict = format!("{hs256}issuer = \"{{url}}\"\nleeway = \"0s\"\n");
    assert_eq!(jwt(&strict), ["signed by `HS256`", "`iss` must be the public URL"]);
    let all = "algorithms = [\"HS256\", \"HS512\"]\nissuer = [\"Acme\", \"{setting:tenant}\"]\naudience = \"us\"\n\
               requires = [\"exp\", \"sub\"]\nleeway = \"30s\"\nmax_age = \"5m\"\n";
    let expected = [
        "signed by `HS256` or `HS512`",
        "`iss` must be `Acme` or the setting `tenant`",
        "`aud` must be or have `us`",
        "must have `exp`, `sub`",
        "its times may differ from the clock by 30s",
        "`iat` may be 5m old",
    ];
    assert_eq!(jwt(all), expected);
}

#[test]
fn the_rules_of_a_message_signature_are_described() {
    let message = |rules: &str| {
        accepted(&with_signature(&format!("http-signature\"\n[http-signature]\n{rules}"))).signature_rules()
    };
    let least = "algorithms = [\"hmac-sha256\"]\ncomponents = [\"content-digest\"]\n";
    assert_eq!(message(least), ["signed by `hmac-sha256`", "must cover `\"content-digest\"`"]);
    let all = "algorithms = [\"ed25519\", \"ecdsa-p256-sha256\"]\n\
               components = [\"@method\", \"@query-param;name=\\\"id\\\"\", \"content-digest\"]\nlabel = \"sig1\"\n\
               key_id = \"k1\"\ntag = \"acme\"\nrequires = [\"created\", \"nonce\"]\nleeway = \"1m\"\nmax_age = \"1h\"\n";
    let expected = [
        "signed by `ed25519` or `ecdsa-p256-sha256`",
        "must cover `\"@method\"`, `\"@query-param\";name=\"id\"`, `\"content-digest\"`",
        "is called `sig1`",
        "`keyid` must be `k1`, or the id of one of the keys",
        "`tag` must be `acme`",
        "must have `created`, `nonce`",
        "its times may differ from the clock by 1m",
        "`created` may be 1h old",
    ];
    assert_eq!(message(all), expected);
    assert_eq!(accepted(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n")).signature_rules(), [""; 0]);
}

#[test]
fn the_signed_parts_are_described_in_order() {
    let parts = |signs: &str, more: &str| accepted(&format!("{HEAD}{HMAC}signs = {signs}\n{more}")).signed_parts();
    for (name, words) in [
        ("hex", "hex digits in lower case"),
        ("hex-upper", "hex digits in upper case"),
        ("base64", "base64"),
        ("base64-unpadded", "base64 without padding"),
        ("base64url", "base64url"),
        ("base64url-unpadded", "base64url without padding"),
    ] {
        assert_eq!(parts(&format!("\"{{{name}:body}}\""), ""), [format!("the body, {words}")]);
        let hash = format!("the SHA-256 of the body, {words}");
        assert_eq!(parts(&format!("\"{{sha256-{name}:body}}\""), ""), [hash]);
    }
    let optional = "[{ text = \"id:{query:id};\", when = \"query:id\" }, \"b:{body}\"]";
    let if_id = "if there is query parameter `id`: the text `id:`, query parameter `id`, the text `;`";
    assert_eq!(parts(optional, ""), [if_id, "the text `b:`", "the body"]);
    let sorted = parts("\"{sorted:secret,query:id}{body}\"", "ambiguous = \"a test\"\n");
    assert_eq!(sorted, ["these, sorted by their bytes: the secret, query parameter `id`", "the body"]);
}

#[test]
fn the_sorting_of_parameters_is_described() {
    let query = |form: &str| {
        let signs = "signs = \"{query-sorted}{body}\"\nambiguous = \"a test\"\n";
        let parts = accepted(&format!("{HEAD}{HMAC}{signs}[form]\n{form}")).signed_parts();
        parts[0].strip_prefix("the parameters of the query, ").unwrap().to_owned()
    };
    assert_eq!(query(""), "sorted, nothing between name and value, nothing between them");
    let all =
        "between = \"=\"\nafter = \";\"\njoin = \"&\"\ndedupe = true\nskip_empty = true\nexclude = [\"sig\", \"v\"]\n";
    assert_eq!(
        query(all),
        "sorted, `=` between name and value, `;` after each, `&` between them, equal ones once, \
         those without a value left out, without `sig`, `v`"
    );
    assert_eq!(
        query("values_only = true\nencode = true\n"),
        "sorted, the values alone, nothing between them, percent-encoded again"
    );
}

#[test]
fn a_check_that_may_be_left_out_says_when() {
    let check = |equals: &str, more: &str| {
        let check = format!("[[check]]\nheader = \"X-Is\"\nequals = {equals}\n{more}");
        let settings = "[settings]\ntenant = \"its name\"\n";
        accepted(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{settings}{check}")).companion_checks()
    };
    let hash = "\"{sha256-hex:body}\"";
    let sha256 = "header `x-is` must be the SHA-256 of the body in `hex`";
    assert_eq!(check(hash, ""), [sha256]);
    assert_eq!(check(hash, "optional = true\n"), [format!("{sha256} (if it is there)")]);
    let unless_empty = format!("{sha256} (it may be missing if the body is empty)");
    assert_eq!(check(hash, "unless_empty = true\n"), [unless_empty]);
    let text = check("[\"a-{setting:tenant}\", \"b\"]", "if_set = \"tenant\"\n");
    let words = "header `x-is` must be the text `a-`, then the setting `tenant`; or the text `b`, \
                 if the setting `tenant` is configured";
    assert_eq!(text, [words]);
}

#[test]
fn how_the_secret_becomes_a_key_is_described() {
    let key = "ed25519\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    let hmac = "hmac-sha256\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    for (signature, secret, expected) in [
        (key, "", "the provider's public key: PEM, a JSON Web Key, or the base64 of its DER"),
        (key, "encoding = \"hex\"", "the provider's public key: PEM, a JSON Web Key, or the bare key in `hex`"),
        ("basic\"\ncovers_body = false\n", "", "`user:password`"),
        (hmac, "", "the text that the provider shows, as it is"),
        (hmac, "encoding = \"hex\"", "the text that the provider shows, decoded from `hex`"),
        (hmac, "strip = \"a_\"", "the text that the provider shows, without its prefix `a_`, if it has it"),
        (
            hmac,
            "strip = \"a_\"\nprefix_required = true\nencoding = \"base64\"",
            "the text that the provider shows, without its prefix `a_`, which it must have, decoded from `base64`",
        ),
    ] {
        let file = with_signature(&format!("{signature}[secret]\n{secret}\n"));
        assert_eq!(accepted(&file).secret_form(), expected);
    }
}

#[test]
fn a_question_is_described_with_its_answer() {
    let question = |table: &str| {
        let settings = "[settings]\nverify_token = \"the token that you made up\"\n";
        let file = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{settings}[[handshake]]\nmethod = \"GET\"\n{table}");
        accepted(&file).handshakes().remove(0)
    };
    let when = "when = { query = \"mode\" }\n";
    let asked = "`GET` with query parameter `mode`: verified like a delivery.";
    for (answer, expected) in [
        ("", "Answered 200 without a body."),
        ("status = 204\n", "Answered 204."),
        ("headers = { X-Hook-Id = \"{query:mode}\" }\n", "Answered 200, header `x-hook-id` `{query parameter mode}`."),
    ] {
        assert_eq!(question(&format!("{when}{answer}")), format!("{asked} {expected}"));
    }
    assert_eq!(
        question(
            "signed = false\nwhen = [{ query = \"mode\", equals = \"subscribe\" }, { query = \"challenge\" }]\n\
             token = { query = \"token\" }\nanswer = \"{query:challenge}\"\n"
        ),
        "`GET` with query parameter `mode` = `subscribe` and query parameter `challenge`: not signed, so anybody can \
         ask it. Query parameter `token` must be the setting `verify_token`. Answered 200 with \
         `{query parameter challenge}` (text/plain; charset=utf-8)."
    );
}
