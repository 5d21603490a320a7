//! The signed content of each part of `signs`, compared with texts written by hand, however the body arrives.

use countersign::{Scheme, Signer, Timestamp, Verifier};
use http::Request;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "m-a-long-random-secret";

/// The request of every case, except its body.
fn request(body: &'static str) -> Request<&'static str> {
    Request::post("/In/side?b=2&v=Value&a=%41")
        .header("X-Time", "1767225600")
        .header("X-Id", "evt-1")
        .header("X-Name", "MiXed")
        .body(body)
        .unwrap()
}

const JSON: &str = "{ \"n\": 1, \"payload\" : { \"k\":[1, 2] , \"s\":\"\u{e9}\" } }";
const SNS: &str =
    r#"{"Type":"Notification","MessageId":"1","Subject":"s","Message":"a\nb","Timestamp":"2","TopicArn":"3"}"#;
const FORM: &str = "z=1&a=x+y&b=%2F";

/// `signs`, the rest of the file, the body, and the expected content.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("{body}", "", "a.b", "a.b"),
    ("v0:{body}:end", "", "a.b", "v0:a.b:end"),
    ("{timestamp}.{body}", TIME, "a.b", "1767225600.a.b"),
    ("{body}{timestamp}", TIME, "a.b", "a.b1767225600"),
    ("{id}.{timestamp}.{body}", ID_AND_TIME, "a.b", "evt-1.1767225600.a.b"),
    ("{method}\\n{body}", "", "a", "POST\na"),
    ("{url}\\n{body}", "", "a", "https://hooks.example.com:8443/In/side?b=2&v=Value&a=%41\na"),
    ("{host}\\n{body}", "", "a", "hooks.example.com:8443\na"),
    ("{path}\\n{body}", "", "a", "/In/side\na"),
    ("{query}\\n{body}", "", "a", "b=2&v=Value&a=%41\na"),
    ("{path-and-query}\\n{body}", "", "a", "/In/side?b=2&v=Value&a=%41\na"),
    ("{header:X-Name}\\n{body}", "", "a", "MiXed\na"),
    ("{lower:header:X-Name}\\n{body}", "", "a", "mixed\na"),
    ("{query:v}\\n{body}", "", "a", "Value\na"),
    ("{lower:query:v}\\n{body}", "", "a", "value\na"),
    ("{setting:app}\\n{body}", "[settings]\napp = \"its name\"\n", "a", "The App\na"),
    ("{json:/payload/k/1}\\n{body}", "", JSON, "2\n{ \"n\": 1, \"payload\" : { \"k\":[1, 2] , \"s\":\"\u{e9}\" } }"),
    ("{json-raw:/payload}", UNCOVERED, JSON, "{ \"k\":[1, 2] , \"s\":\"\u{e9}\" }"),
    ("{json-string:body}", "", "a\"\\\n\u{e9}\u{7f}\u{1}/", "\"a\\\"\\\\\\n\u{e9}\u{7f}\\u0001/\""),
    ("{base64:body}", "", "a\u{ff}b", "YcO/Yg=="),
    ("{base64url-unpadded:body}.", "", "a\u{ff}b", "YcO_Yg."),
    ("{hex:body}", "", "a\u{ff}b", "61c3bf62"),
    ("{form:a}\\n{body}", "", FORM, "x y\nz=1&a=x+y&b=%2F"),
    (
        "{canonical:aws-sns}",
        UNCOVERED,
        SNS,
        "Message\na\nb\nMessageId\n1\nSubject\ns\nTimestamp\n2\nTopicArn\n3\nType\nNotification\n",
    ),
    ("{form-sorted}", PAIRS, FORM, "a=x y&b=/&z=1"),
    ("{form-sorted}", ENCODED, FORM, "a=x+y&b=%2F&z=1"),
    ("{query-sorted}\\n{body}", ENCODED, "a", "a=A&b=2&v=Value\na"),
    ("{sha256-hex:body}", "", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("{sha1-hex-upper:body}", "", "abc", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
    ("{sha256-base64:url}\\n{body}", "", "a", "7cNSyU91nj+zGIEE7KlydWLwU40/QTxBHFdU9pVvi0Y=\na"),
    ("{crc32-decimal:body}", UNCOVERED, "123456789", "3421780262"),
];

const TIME: &str = "[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
const ID_AND_TIME: &str =
    "[id]\nheader = \"X-Id\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
const UNCOVERED: &str = "covers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n";
const PAIRS: &str = "ambiguous = \"a test\"\n[form]\nbetween = \"=\"\njoin = \"&\"\n";
const ENCODED: &str = "[form]\nbetween = \"=\"\njoin = \"&\"\nencode = true\n";

fn scheme(signs: &str, more: &str) -> Scheme {
    let file = format!(
        "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n{more}"
    );
    Scheme::from_toml("t", &file).unwrap_or_else(|error| panic!("{error}\n{file}"))
}

fn tag_of(content: &'static str) -> String {
    let signer = Signer::new(scheme("{body}", ""), SECRET).unwrap();
    let signed = signer.sign(Request::post("/").body(content).unwrap(), NOW).unwrap();
    signed.headers()["X-Sig"].to_str().unwrap().to_owned()
}

#[test]
fn each_part_writes_what_the_language_says() {
    for (signs, more, body, content) in CASES {
        let builder = Verifier::builder(scheme(signs, more)).secret(SECRET).allow_legacy();
        let mut builder = builder.public_url("https://hooks.example.com:8443");
        if signs.contains("setting") {
            builder = builder.setting("app", "The App");
        }
        let verifier = builder.build().unwrap_or_else(|error| panic!("{signs}: {error}"));
        let mut request = request(body);
        request.headers_mut().insert("X-Sig", tag_of(content).parse().unwrap());
        let verdict = verifier.verify(&request, body.as_bytes(), NOW);
        assert!(verdict.is_ok(), "{signs}: {verdict:?}");
        let mut pieces = verifier.begin(&request, NOW).unwrap_or_else(|rejection| panic!("{signs}: {rejection}"));
        let (first, rest) = body.as_bytes().split_at(1);
        pieces.update(first);
        pieces.update(rest);
        assert!(pieces.finish().is_ok(), "{signs}: in pieces");
    }
}

#[test]
fn the_secret_is_sorted_among_the_values_that_are_signed_with_it() {
    // The SHA-1 of the time, the value and the secret, of the time, the secret and the value, of the value, the time and the secret;
    // and of the value and the secret, the secret and the value, and the value and the secret twice.
    for (signs, value, hash) in [
        ("{sorted:secret,timestamp,query:v}", "Value", "e5106d96e55c38fca4872c0da6d4fddfee1d03cf"),
        ("{sorted:secret,timestamp,query:v}", "z", "f8b18f4384e0f47d577844975ebbccab1ecb8a85"),
        ("{sorted:secret,timestamp,query:v}", "0", "df0d555e8cec66084f82392dbd89db39feb4e4d7"),
        ("{sorted:query:v,secret}", "Value", "c3632038ba6141120b9a1415d2e9c02305ad72ac"),
        ("{sorted:query:v,secret}", "z", "730f1d59d5d2404d5e68aa6446a113e168106c7f"),
        ("{sorted:secret,query:v,secret}", "Value", "efc1805c1aa0e8202d568b69cfce2ac27817eb15"),
    ] {
        let time = if signs.contains("timestamp") { TIME } else { "" };
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"sha1\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
             signs = \"{signs}\"\nambiguous = \"a test\"\n{UNCOVERED}{time}"
        );
        let verifier = Verifier::builder(Scheme::from_toml("t", &file).unwrap()).secret(SECRET).allow_legacy();
        let verifier = verifier.build().unwrap();
        let request = Request::post(format!("/?v={value}")).header("X-Time", "1767225600").header("X-Sig", hash);
        assert!(verifier.verify(&request.body(()).unwrap(), b"", NOW).is_ok(), "{signs} {value}");
    }
}

#[test]
fn the_id_and_the_time_are_sorted_or_optional_like_any_value() {
    let sorted = "{sorted:id,timestamp,query:v}";
    let sorted = scheme(sorted, &format!("ambiguous = \"a test\"\ncovers_body = false\n{ID_AND_TIME}"));
    assert_accepted(&sorted, &request("a"), "1767225600Valueevt-1");
    let optional = format!(
        "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
         signs = [{{ text = \"id:{{id}};\", when = \"header:X-Id\" }}, \
         {{ text = \"ts:{{timestamp}};\", when = \"header:X-Time\" }}, \
         {{ text = \"name:{{header:X-Name}};\", when = \"header:X-Name\" }}, \"b:{{body}}\"]\n{ID_AND_TIME}"
    );
    let optional = Scheme::from_toml("t", &optional).unwrap();
    assert_accepted(&optional, &request("a"), "id:evt-1;ts:1767225600;name:MiXed;b:a");
    let mut without = request("a");
    without.headers_mut().remove("X-Name");
    assert_accepted(&optional, &without, "id:evt-1;ts:1767225600;b:a");
}

#[test]
fn a_value_that_occurs_twice_counts_if_both_are_equal() {
    let request = |target: &str, body: &'static str| Request::post(target).body(body).unwrap();
    assert_accepted(&scheme("{query:v}.{body}", ""), &request("/?v=a&w=b&v=%61", "c"), "a.c");
    assert_accepted(&scheme("{form:v}.{body}", ""), &request("/", "v=a&w=b&v=%61"), "a.v=a&w=b&v=%61");
    for (signs, target, body) in [("{query:v}.{body}", "/?v=a&v=b", "c"), ("{form:v}.{body}", "/", "v=a&v=b")] {
        let verifier = Verifier::new(scheme(signs, ""), SECRET).unwrap();
        let mut request = request(target, body);
        request.headers_mut().insert("X-Sig", tag_of("").parse().unwrap());
        let refused = verifier.verify(&request, body.as_bytes(), NOW).unwrap_err();
        assert_eq!(refused.code(), "malformed_value", "{signs}");
    }
}

#[test]
fn only_the_message_among_amazons_signed_values_may_have_line_breaks() {
    let verifier = Verifier::new(scheme("{canonical:aws-sns}", UNCOVERED), SECRET).unwrap();
    for (value, other) in [("\"s\"", "\"s\\nt\""), ("\"1\"", "\"1\\n\""), ("\"3\"", "\"\\n3\"")] {
        let body = SNS.replace(value, other);
        let request = Request::post("/").header("X-Sig", tag_of("")).body(()).unwrap();
        let refused = verifier.verify(&request, body.as_bytes(), NOW).unwrap_err();
        assert_eq!(refused.code(), "ambiguous_content", "{body}");
    }
}

#[test]
fn plivo_signs_separators_only_between_parts_that_are_present() {
    let scheme = scheme("{canonical:plivo-v3}", "ambiguous = \"a test\"\n");
    let verifier = Verifier::builder(scheme).secret(SECRET).public_url("https://hooks.example.com").build().unwrap();
    for (target, body, content) in [
        ("/in", "", "https://hooks.example.com/in"),
        ("/in?b=2&a=1", "", "https://hooks.example.com/in?a=1&b=2"),
        ("/in", "d=4&c=3", "https://hooks.example.com/in?c3d4"),
        ("/in?b=2&a=1", "d=4&c=3", "https://hooks.example.com/in?a=1&b=2.c3d4"),
    ] {
        let request = Request::post(target).header("X-Sig", tag_of(content)).body(()).unwrap();
        let verdict = verifier.verify(&request, body.as_bytes(), NOW);
        assert!(verdict.is_ok(), "{content}: {verdict:?}");
    }
}

#[test]
fn the_headers_that_a_signature_lists_are_signed_in_their_order() {
    let file = format!(
        "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\n\
         list = {{ separator = \",\", items = [\"t={{timestamp}}\", \"v1={{hex}}\"] }}\n\
         signs = \"{{timestamp}}.{{canonical:signed-headers}}\"\n{}",
        TIME.replace("header = \"X-Time\"\n", "")
    );
    let verifier = Verifier::new(Scheme::from_toml("t", &file).unwrap(), SECRET).unwrap();
    for (list, content) in [
        ("", "1767225600...{}"),
        ("h=x-id,", "1767225600.x-id.evt-1.{}"),
        ("h=x-id x-name,", "1767225600.x-id x-name.evt-1.MiXed.{}"),
        ("h=x-name x-time x-id,", "1767225600.x-name x-time x-id.MiXed.1767225600.evt-1.{}"),
    ] {
        let mut request = request("{}");
        request.headers_mut().insert("X-Sig", format!("t=1767225600,{list}v1={}", tag_of(content)).parse().unwrap());
        let verdict = verifier.verify(&request, b"{}", NOW);
        assert!(verdict.is_ok(), "{content}: {verdict:?}");
    }
}

/// A scheme of HTTP Message Signatures that cover this.
fn covering(component: &str) -> Scheme {
    let file = format!(
        "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n{UNCOVERED}[http-signature]\n\
         algorithms = [\"hmac-sha256\"]\ncomponents = [\"@method\", '{component}']\n"
    );
    Scheme::from_toml("t", &file).unwrap_or_else(|error| panic!("{error}\n{file}"))
}

/// RFC 9421 section 2.2.3.
#[test]
fn an_authority_is_in_lower_case_and_omits_the_default_port() {
    let scheme = covering("@authority");
    for (signed, told, is_same) in [
        ("https://hooks.example.com", "https://hooks.example.com:443/in", true),
        ("https://hooks.example.com", "https://HOOKS.example.com", true),
        ("https://hooks.example.com", "https://user:pass@hooks.example.com", true),
        ("http://hooks.example.com", "http://hooks.example.com:80", true),
        ("https://hooks.example.com", "https://hooks.example.com:8443", false),
        ("https://hooks.example.com", "https://hooks.example.com:80", false),
        ("https://hooks.example.com:8443", "https://hooks.example.com:8443/in", true),
        ("https://hooks.example.com:8443", "https://hooks.example.com:9443", false),
        ("https://hooks.example.com:8443", "https://example.com:8443", false),
    ] {
        let signer = Signer::with_public_url(&scheme, SECRET, signed).unwrap();
        let request = signer.sign(request("a"), NOW).unwrap();
        let verifier = Verifier::builder(&scheme).secret(SECRET).public_url(told).build().unwrap();
        let verdict = verifier.verify(&request, b"a", NOW).map_or_else(|rejection| rejection.code(), |_| "");
        assert_eq!(verdict, if is_same { "" } else { "signature" }, "{signed} {told}");
    }
}

/// RFC 9421 sections 2.1.1 and 2.1.2: a comma in a string does not separate members, and an escaped quotation mark does
/// not end one.
#[test]
fn a_signed_member_of_a_header_does_not_depend_on_the_others() {
    let with = |value: &str| Request::post("/").header("X-Dict", value).body("a").unwrap();
    let [one, all] = [covering("x-dict;key=\"b\""), covering("x-dict;sf")];
    let code = |scheme: &Scheme, request: &Request<bytes::Bytes>| {
        let verifier = Verifier::new(scheme, SECRET).unwrap();
        verifier.verify(request, b"a", NOW).map_or_else(|rejection| rejection.code(), |_| "")
    };
    for before in
        ["a=1", "a=\"x, b=1\"", r#"a="\"""#, r#"a="\", b=1""#, r#"a="\\""#, r#"a="\\", c="\\""#, r#"a="\\\"""#]
    {
        let value = format!("{before}, b=2");
        for (scheme, when_another_changed) in [(&one, ""), (&all, "signature")] {
            let signed = Signer::new(scheme, SECRET).unwrap().sign(with(&value), NOW);
            let signed = signed.unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(code(scheme, &signed), "", "{value}");
            for (other, expected) in [("a=7, b=2", when_another_changed), ("a=1, b=3", "signature")] {
                let mut changed = signed.clone();
                changed.headers_mut().insert("X-Dict", other.parse().unwrap());
                assert_eq!(code(scheme, &changed), expected, "{value}: {other}");
            }
        }
    }
    for unfit in ["a=1", "b=1, b=2", "a=\"b=2", "a=\", b=2"] {
        assert!(Signer::new(&one, SECRET).unwrap().sign(with(unfit), NOW).is_err(), "{unfit}");
    }
}

/// Asserts that a request whose tag is made over `content` is accepted.
fn assert_accepted(scheme: &Scheme, request: &Request<&'static str>, content: &'static str) {
    let verifier = Verifier::builder(scheme).secret(SECRET).build().unwrap();
    let mut request = request.clone();
    request.headers_mut().insert("X-Sig", tag_of(content).parse().unwrap());
    let verdict = verifier.verify(&request, request.body().as_bytes(), NOW);
    assert!(verdict.is_ok(), "{content}: {verdict:?}");
}
