//! The examples of RFC 9421, and headers that a hostile sender could write.

use bytes::Bytes;
use http::Request;

use super::{Component, base};
use crate::{
    ConfigError, Head, Key, Rejection, Scheme, Secret, Signer, Timestamp, Verified, Verifier,
    algorithm::Digest,
    content::{Content, Settings, SortedParameters},
    encoding::Encoding,
    public_url::PublicUrl,
};

/// The time of the examples in appendix B.
const CREATED: Timestamp = Timestamp::from_unix_seconds(1_618_884_473);

/// The keys of appendix B.1.
const SHARED_SECRET: &str = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==";

fn scheme(algorithms: &str, rest: &str) -> Scheme {
    let secret = if algorithms.contains("hmac") { "[secret]\nencoding = \"base64\"\n" } else { "" };
    let toml = format!(
        "name = \"RFC 9421\"\n[request]\nmethods = [\"POST\", \"GET\"]\n{secret}[signature]\nalgorithm = \"http-signature\"\n{rest}\n"
    );
    let told = if rest.contains("covers_body = false") { "[event]\ntold_apart_by = \"unsigned-values\"\n" } else { "" };
    let toml =
        format!("{toml}{told}").replace("[http-signature]", &format!("[http-signature]\nalgorithms = {algorithms}"));
    Scheme::from_toml("rfc9421", &toml).unwrap()
}

/// A scheme that demands only a signature.
fn any_of(algorithms: &str) -> Scheme {
    scheme(algorithms, "covers_body = false\n[http-signature]")
}

fn verifier(scheme: &Scheme, key: &str) -> Verifier {
    Verifier::builder(scheme).secret(key).public_url("https://example.com").build().unwrap()
}

/// The test request of appendix B.2.
fn test_request() -> http::request::Builder {
    Request::post("/foo?param=Value&Pet=dog")
        .header("Host", "evil.example")
        .header("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("Content-Type", "application/json")
        .header(
            "Content-Digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        )
        .header("Content-Length", "18")
}

const BODY: &str = r#"{"hello": "world"}"#;

fn signed(input: &str, signature: &str) -> Request<&'static str> {
    test_request().header("Signature-Input", input).header("Signature", signature).body(BODY).unwrap()
}

fn judge<'r>(
    verifier: &'r Verifier,
    request: &'r Request<&'static str>,
) -> Result<Verified<'r, &'static str>, Rejection> {
    verifier.verify(request, *request.body(), CREATED)
}

#[test]
fn the_hmac_example_of_appendix_b_2_5_is_right_and_can_be_made() {
    let scheme = scheme(
        "[\"hmac-sha256\"]",
        "covers_body = false\n[http-signature]\nlabel = \"sig-b25\"\ncomponents = [\"date\", \"@authority\", \"content-type\"]\nkey_id = \"test-shared-secret\"",
    );
    let verifier = verifier(&scheme, SHARED_SECRET);
    let request = signed(
        "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    );
    assert_eq!(judge(&verifier, &request).unwrap().timestamp(), Some(CREATED));

    let mut other = request.map(|_| BODY);
    other.headers_mut().insert("date", "Tue, 20 Apr 2021 02:07:56 GMT".parse().unwrap());
    assert_eq!(judge(&verifier, &other).unwrap_err(), Rejection::Signature);

    let signer = Signer::with_public_url(&scheme, SHARED_SECRET, "https://example.com").unwrap();
    let request = signer.sign(test_request().body(Bytes::from(BODY)).unwrap(), CREATED).unwrap();
    assert_eq!(
        request.headers()["signature-input"],
        "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\";alg=\"hmac-sha256\""
    );
    assert!(verifier.verify(&request, request.body(), CREATED).is_ok());
}

#[test]
fn the_ed25519_example_of_appendix_b_2_6_is_right() {
    let request = signed(
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"",
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    );
    assert!(judge(&verifier(&any_of("[\"ed25519\"]"), ED25519), &request).is_ok());
    // The scheme decides which algorithms are allowed, whatever the key supports.
    let builder = Verifier::builder(any_of("[\"ecdsa-p256-sha256\"]")).secret(ED25519).build();
    assert!(builder.is_err());
}

#[test]
fn the_rsa_pss_examples_of_appendix_b_2_1_and_b_2_2_are_right() {
    let verifier = verifier(&any_of("[\"rsa-pss-sha512\"]"), include_str!("rfc9421-rsa-pss.pem"));
    let nothing_but_itself = signed(
        "sig-b21=();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\"",
        "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
    );
    assert_eq!(judge(&verifier, &nothing_but_itself).unwrap().timestamp(), Some(CREATED));

    let selective = signed(
        "sig-b22=(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\");created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\"",
        "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
    );
    assert!(judge(&verifier, &selective).is_ok());
    let mut other = selective.map(|_| BODY);
    *other.uri_mut() = "/foo?param=Value&Pet=cat".parse().unwrap();
    assert_eq!(judge(&verifier, &other).unwrap_err(), Rejection::Signature);
}

/// Section 4.3: a proxy changes the request, and adds a signature of its own.
fn proxied() -> Request<&'static str> {
    Request::post("/foo?param=Value&Pet=dog")
        .header("Content-Type", "application/json")
        .header("Content-Digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:")
        .header("Content-Length", "18")
        .header("Forwarded", "for=192.0.2.123;host=example.com;proto=https")
        .header("Signature-Input", "sig1=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"content-type\" \"content-length\");created=1618884475;keyid=\"test-key-ecc-p256\", proxy_sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"content-type\" \"content-length\" \"forwarded\");created=1618884480;keyid=\"test-key-rsa\";alg=\"rsa-v1_5-sha256\";expires=1618884540")
        .header("Signature", "sig1=:X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A==:, proxy_sig=:S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cCpXJleXsOckpURl49GwiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sFnIm9y+7X5kXQfi8NMaZaA8i2ZHwpBdg7a6CMfwnnrtflzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHowtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5o0LV/g==:")
        .body(BODY)
        .unwrap()
}

#[test]
fn the_fitting_one_of_the_two_signatures_of_section_4_3_is_used() {
    let now = Timestamp::from_unix_seconds(1_618_884_500);
    let request = proxied();
    // The client signed `example.com`; the proxy signed its own host.
    let at = |url: &str, rest: &str, algorithm: &str, key: &str| {
        let scheme = scheme(
            &format!("[\"{algorithm}\"]"),
            &format!("[http-signature]\ncomponents = [\"content-digest\"]\n{rest}"),
        );
        let verifier = Verifier::builder(scheme).secret(key).public_url(url).build().unwrap();
        verifier.verify(&request, BODY, now).map(|verified| verified.timestamp().map(Timestamp::unix_seconds))
    };
    let client = at("https://example.com", "label = \"sig1\"", "ecdsa-p256-sha256", P256);
    assert_eq!(client, Ok(Some(1_618_884_475)));
    // `alg` says that the other signature is not ECDSA.
    assert_eq!(at("https://example.com", "", "ecdsa-p256-sha256", P256), Ok(Some(1_618_884_475)));
    assert_eq!(
        at("https://example.com", "key_id = \"test-key-ecc-p256\"", "ecdsa-p256-sha256", P256),
        Ok(Some(1_618_884_475))
    );
    let proxy = at(
        "https://origin.host.internal.example",
        "requires = [\"expires\"]",
        "rsa-v1_5-sha256",
        include_str!("rfc9421-rsa.pem"),
    );
    assert_eq!(proxy, Ok(Some(1_618_884_480)));
    let other_url = at("https://origin.host.internal.example", "label = \"sig1\"", "ecdsa-p256-sha256", P256);
    assert_eq!(other_url, Err(Rejection::Signature));
}

/// The test request with other headers or another target, signed by our signer over `components`.
fn values(target: &str, headers: &[(&str, &str)], components: &[&str]) -> Result<(), String> {
    let list: Vec<_> = components.iter().map(|component| format!("'{component}'")).collect();
    let scheme = scheme(
        "[\"hmac-sha256\"]",
        &format!("covers_body = false\n[http-signature]\ncomponents = [{}]", list.join(", ")),
    );
    let signer = Signer::with_public_url(&scheme, SHARED_SECRET, "https://www.Example.com:443")
        .map_err(|error| error.to_string())?;
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = signer.sign(request.body(Bytes::new()).unwrap(), CREATED).map_err(|error| error.to_string())?;
    let verifier =
        Verifier::builder(&scheme).secret(SHARED_SECRET).public_url("https://www.example.com").build().unwrap();
    verifier.verify(&request, request.body(), CREATED).map(drop).map_err(|rejection| rejection.to_string())
}

/// The signed lines of the components of one request.
fn lines(target: &str, headers: &[(&str, &str)], components: &[&str]) -> Result<Vec<String>, Rejection> {
    let scheme = any_of("[\"hmac-sha256\"]");
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    let public_url = PublicUrl::parse("https://www.EXAMPLE.com:443").unwrap();
    let content = Content {
        scheme: &scheme,
        head: Head::from(&request),
        public_url: Some(&public_url),
        settings: &Settings::new(),
        timestamp: b"",
        id: b"",
        sorted: SortedParameters::NONE,
    };
    let components: Vec<_> = components.iter().map(|text| Component::parse(text).unwrap()).collect();
    let base = String::from_utf8(base(&components, "()", &content)?).unwrap();
    let (values, parameters) = base.rsplit_once("\"@signature-params\": ").unwrap();
    assert_eq!(parameters, "()");
    Ok(values.lines().map(str::to_owned).collect())
}

#[test]
fn derived_components_have_the_values_of_section_2_2() {
    let target = "/path?param=value&foo=bar&baz=batman&qux=&var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    let query = target.split_once('?').unwrap().1;
    for (component, value) in [
        ("@method", "GET"),
        ("@target-uri", &format!("https://www.example.com{target}")),
        ("@authority", "www.example.com"),
        ("@scheme", "https"),
        ("@request-target", target),
        ("@path", "/path"),
        ("@query", &format!("?{query}")),
        ("@query-param;name=\"baz\"", "batman"),
        ("@query-param;name=\"qux\"", ""),
        ("@query-param;name=\"var\"", "this%20is%20a%20big%0Amultiline%20value"),
        ("@query-param;name=\"bar\"", "with%20plus%20whitespace"),
        ("@query-param;name=\"fa%C3%A7ade%22%3A%20\"", "something"),
    ] {
        let (name, parameters) = component.split_at(component.find(';').unwrap_or(component.len()));
        assert_eq!(lines(target, &[], &[component]).unwrap(), [format!("\"{name}\"{parameters}: {value}")]);
    }
    assert_eq!(lines("/path?queryString", &[], &["@query"]).unwrap(), ["\"@query\": ?queryString"]);
    assert_eq!(
        lines("/path", &[], &["@query", "@target-uri"]).unwrap(),
        ["\"@query\": ?", "\"@target-uri\": https://www.example.com/path"]
    );
}

#[test]
fn headers_have_the_values_of_section_2_1() {
    let headers = [
        ("X-OWS-Header", "  Leading and trailing whitespace.   "),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "   must-revalidate"),
        ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("X-Empty-Header", ""),
        ("Example-Header", "value, with, lots"),
        ("Example-Header", "of, commas"),
    ];
    for (component, line) in [
        ("x-ows-header", "\"x-ows-header\": Leading and trailing whitespace."),
        ("cache-control", "\"cache-control\": max-age=60, must-revalidate"),
        ("x-empty-header", "\"x-empty-header\": "),
        ("example-dict", "\"example-dict\": a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("example-dict;sf", "\"example-dict\";sf: a=1, b=2;x=1;y=2, c=(a b c), d"),
        ("example-dict;key=\"a\"", "\"example-dict\";key=\"a\": 1"),
        ("example-dict;key=\"d\"", "\"example-dict\";key=\"d\": ?1"),
        ("example-dict;key=\"b\"", "\"example-dict\";key=\"b\": 2;x=1;y=2"),
        ("example-dict;key=\"c\"", "\"example-dict\";key=\"c\": (a b c)"),
        ("example-header;bs", "\"example-header\";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
    ] {
        assert_eq!(lines("/", &headers, &[component]).unwrap(), [line]);
    }
}

#[test]
fn a_component_without_one_value_is_refused() {
    let headers = [("twice", "a"), ("twice", "a"), ("dict", "a=1, b=2, a=3"), ("text", "no structure, (")];
    for component in [
        "missing",
        "twice",
        "dict;sf",
        "dict;key=\"a\"",
        "dict;key=\"c\"",
        "text;sf",
        "text;key=\"no\"",
        "@query-param;name=\"a\"",
        "@query-param;name=\"c\"",
        "@query-param;name=\"d\"",
    ] {
        assert!(lines("/?a=1&a=1&b=2&d=%FF", &headers, &[component]).is_err(), "{component}");
    }
    assert!(lines("/?b=2&d=%FF", &[], &["@query-param;name=\"b\""]).is_err());
    // Parsing it again for each of many components would take long.
    let long = format!("a=1, b={}", "9".repeat(12).repeat(200));
    assert!(values("/", &[("dict", &long)], &["dict"]).is_ok());
    assert!(values("/", &[("dict", &long)], &["dict;key=\"a\""]).is_err());
    assert!(values("/?b=2", &[("dict", "a=1")], &["@query-param;name=\"b\"", "dict;key=\"a\""]).is_ok());
}

#[test]
fn an_unknown_component_is_refused_in_scheme_files() {
    for component in [
        "",
        "@status",
        "@signature-params",
        "@foo",
        "@method;req",
        "date;tr",
        "date;req",
        "Date",
        "date;sf;bs",
        "date;sf;key=\"a\"",
        "date;sf=?0",
        "date;key=a",
        "@query-param",
        "@query-param;name=\"%62\"",
        "@query-param;name=\"a b\"",
        "@path;name=\"a\"",
        "da te",
        "date; sf",
        "date\";sf;x=\"",
    ] {
        assert!(Component::parse(component).is_none(), "{component}");
    }
}

/// The code of the refusal of these headers, by a scheme that accepts any signature.
fn refusal(input: &[&str], signature: &[&str]) -> &'static str {
    let verifier = verifier(&any_of("[\"hmac-sha256\"]"), SHARED_SECRET);
    let mut request = test_request();
    for line in input {
        request = request.header("Signature-Input", *line);
    }
    for line in signature {
        request = request.header("Signature", *line);
    }
    judge(&verifier, &request.body(BODY).unwrap()).unwrap_err().code()
}

#[test]
fn hostile_headers_are_refused_with_the_right_reason() {
    let long = format!("a=(\"date\");nonce=\"{}\"", "x".repeat(8192));
    let many: Vec<_> = (0..5).map(|at| format!("a{at}=(\"date\")")).collect();
    let components: Vec<_> = (0..33).map(|at| format!("\"x-{at}\"")).collect();
    let components = format!("a=({})", components.join(" "));
    let good = "a=(\"date\");created=1618884473";
    for (input, signature, code) in [
        (&[][..], &["a=:AAAA:"][..], "missing_signature"),
        (&[good], &[], "missing_signature"),
        (&[good], &["a=:AAAA:"], "signature"),
        (&[good, "b=(\"@status\")"], &["a=:AAAA:"], "signature"),
        (&[good], &["b=:AAAA:"], "malformed_signature"),
        (&[good], &["a=::"], "malformed_signature"),
        (&[good], &["a=:AAA:"], "malformed_signature"),
        (&[good], &["a=:AAB=:"], "malformed_signature"),
        (&[good], &["a=:AAAA:;x"], "malformed_signature"),
        (&[good], &["a=\"AAAA\""], "malformed_signature"),
        (&[good], &["a=(:AAAA:)"], "malformed_signature"),
        (&[good], &["a"], "malformed_signature"),
        (&[good], &["a=:AAAA:, a=:AAAA:"], "malformed_signature"),
        (&[good], &["a=:AAAA:", "a=:AAAA:"], "malformed_signature"),
        (&[good], &["a=:AAAA:,"], "malformed_signature"),
        (&[good], &["A=:AAAA:"], "malformed_signature"),
        (&[good, good], &["a=:AAAA:"], "malformed_signature"),
        (&[good, "b=(\"date\");created=1618884473"], &["a=:AAAA:, b=:AAAA:"], "malformed_signature"),
        (&[&long], &["a=:AAAA:"], "malformed_signature"),
        (&[&many.join(", ")], &["a=:AAAA:"], "malformed_signature"),
        (&[&components], &["a=:AAAA:"], "malformed_signature"),
        (&[""], &["a=:AAAA:"], "malformed_signature"),
        (&["a"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=\"date\""], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\" \"date\")"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\"  \"@path\")"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\"); created=1618884473"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(date)"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"Date\")"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"@status\")"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"@signature-params\")"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\";req)"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\";tr)"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");created=1618884473;created=1618884473"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");created=01618884473"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");created=\"1618884473\""], &["a=:AAAA:"], "malformed_timestamp"),
        (&["a=(\"date\");created=1618884473.5"], &["a=:AAAA:"], "malformed_timestamp"),
        (&["a=(\"date\");created=-5"], &["a=:AAAA:"], "malformed_timestamp"),
        (&["a=(\"date\");created=1618884474"], &["a=:AAAA:"], "timestamp_in_future"),
        (&["a=(\"date\");created=999999999999999"], &["a=:AAAA:"], "timestamp_in_future"),
        (&["a=(\"date\");expires=1618884472"], &["a=:AAAA:"], "timestamp_too_old"),
        (&["a=(\"date\");alg=\"ed25519\""], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");alg=\"HMAC-SHA256\""], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");alg=\"none\""], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");alg=hmac-sha256"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"date\");foo=1"], &["a=:AAAA:"], "malformed_signature"),
        (&["a=(\"x-missing\")"], &["a=:AAAA:"], "malformed_value"),
    ] {
        assert_eq!(refusal(input, signature), code, "{input:?} {signature:?}");
    }
}

#[test]
fn a_signature_that_does_not_cover_what_the_scheme_demands_is_refused() {
    let wants = |rest: &str| {
        let scheme = scheme("[\"hmac-sha256\"]", &format!("covers_body = false\n[http-signature]\n{rest}"));
        let verifier = verifier(&scheme, SHARED_SECRET);
        let input = "a=(\"date\");keyid=\"k\";tag=\"t\"";
        judge(&verifier, &signed(input, "a=:AAAA:")).unwrap_err().code()
    };
    for (rest, code) in [
        ("", "signature"),
        ("components = [\"@method\"]", "malformed_signature"),
        ("label = \"b\"", "malformed_signature"),
        ("requires = [\"created\"]", "malformed_timestamp"),
        ("max_age = \"5m\"", "malformed_timestamp"),
        ("requires = [\"nonce\"]", "malformed_signature"),
        ("requires = [\"expires\", \"keyid\"]", "malformed_signature"),
        ("key_id = \"k\"\ntag = \"t\"", "signature"),
        ("key_id = \"l\"", "unknown_key"),
        ("tag = \"u\"", "unexpected_value"),
    ] {
        assert_eq!(wants(rest), code, "{rest}");
    }
}

#[test]
fn during_a_rotation_each_key_is_tried_for_its_own_id() {
    const NEW: &str = "bmV3IHNlY3JldCBvZiB0aGUgc2VuZGVyLCAzMiBieXRlcw==";
    let scheme = scheme("[\"hmac-sha256\"]", "covers_body = false\n[http-signature]\nkey_id = \"old\"");
    let verifier = Verifier::builder(&scheme)
        .key(Key::new("of-old", Secret::new(SHARED_SECRET).unwrap()))
        .key(Key::new("of-new", Secret::new(NEW).unwrap()).with_id("new"))
        .build()
        .unwrap();
    let verdict = |secret: &str, id: &str| {
        let input = format!("(\"date\"){id}");
        let base = format!("\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@signature-params\": {input}");
        let mut mac = Digest::Sha256.start_hmac(&Encoding::Base64.decode(secret.as_bytes()).unwrap());
        mac.update(base.as_bytes());
        let signature = format!("a=:{}:", Encoding::Base64.encode(mac.finish().as_bytes()));
        let request = signed(&format!("a={input}"), &signature);
        judge(&verifier, &request).map(|verified| verified.key_label().to_owned()).map_err(|rejection| rejection.code())
    };
    assert_eq!(verdict(SHARED_SECRET, ";keyid=\"old\""), Ok("of-old".to_owned()));
    assert_eq!(verdict(NEW, ";keyid=\"new\""), Ok("of-new".to_owned()));
    for (secret, id, code) in [
        (SHARED_SECRET, ";keyid=\"new\"", "signature"),
        (NEW, ";keyid=\"old\"", "signature"),
        (NEW, ";keyid=\"other\"", "unknown_key"),
        (NEW, "", "unknown_key"),
    ] {
        assert_eq!(verdict(secret, id), Err(code), "{id}");
    }
}

#[test]
fn a_key_may_only_have_an_id_if_deliveries_name_their_key() {
    let key = Key::new("a", Secret::new("It's a Secret to Everybody").unwrap()).with_id("new");
    let error = Verifier::builder(crate::providers::GITHUB).key(key).build().unwrap_err();
    assert_eq!(error, ConfigError::NamesNoKey { scheme: "github".to_owned() });
}

/// The outcome for a signed digest header, whatever it contains.
fn with_digest(digests: &[&str], body: &'static str) -> Result<(), &'static str> {
    let base = format!("\"content-digest\": {}\n\"@signature-params\": (\"content-digest\")", digests.join(", "));
    let mut mac = Digest::Sha256.start_hmac(&Encoding::Base64.decode(SHARED_SECRET.as_bytes()).unwrap());
    mac.update(base.as_bytes());
    let signature = format!("a=:{}:", Encoding::Base64.encode(mac.finish().as_bytes()));
    let mut request =
        Request::post("/").header("Signature-Input", "a=(\"content-digest\")").header("Signature", signature);
    for digest in digests {
        request = request.header("Content-Digest", *digest);
    }
    let scheme = scheme("[\"hmac-sha256\"]", "[http-signature]\ncomponents = [\"content-digest\"]");
    let verifier = Verifier::new(&scheme, SHARED_SECRET).unwrap();
    let request = request.body(()).unwrap();
    let verdict = verifier.verify(&request, body, CREATED);
    verdict.map(drop).map_err(|rejection| rejection.code())
}

#[test]
fn the_body_must_match_every_known_digest_of_the_header() {
    const SHA256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    const SHA512: &str =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    const OTHER: &str = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
    for (digests, outcome) in [
        (&[SHA256][..], Ok(())),
        (&[SHA512], Ok(())),
        (&[SHA512, SHA256], Ok(())),
        (&[SHA256, "md5=:AAAA:"], Ok(())),
        (&["md5=:AAAA:"], Err("malformed_value")),
        (&[OTHER], Err("body_hash")),
        (&[SHA512, OTHER], Err("body_hash")),
        (&[SHA256, SHA256], Err("malformed_value")),
        (&["sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBP==:"], Err("malformed_value")),
        (&["sha-256=\"X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=\""], Err("malformed_value")),
        (&["SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="], Err("malformed_value")),
        (&[""], Err("malformed_value")),
    ] {
        assert_eq!(with_digest(digests, BODY), outcome, "{digests:?}");
    }
}
