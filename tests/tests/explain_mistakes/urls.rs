//! URL mistakes, alone and together with another mistake.

use bytes::Bytes;
use countersign::{Mistake, SecretMistake, Setup, Signer, UrlMistake, providers};
use http::Request;

use crate::{
    ORDERS, SECRET, explain, now, of_secret, order, own, proven, rename, renamed, setup, sign, with_another_secret,
};

/// A scheme that signs the URL and the body.
const URLS: &str = r#"
name = "Acme"
[signature]
algorithm = "hmac-sha256"
header = "Acme-Signature"
value = "{hex}"
signs = "{url}\n{body}"
"#;

/// A request to `/in` that was signed for a URL.
fn signed_for(url: &str) -> Request<Bytes> {
    let path = url[8..].find('/').map_or(url.len(), |at| at + 8);
    let signer = Signer::with_public_url(own(URLS), SECRET, &url[..path]).unwrap();
    let request = signer.sign(Request::post(&url[path..]).body(Bytes::from("{}")).unwrap(), now()).unwrap();
    let (mut parts, body) = request.into_parts();
    parts.uri = "/in".parse().unwrap();
    Request::from_parts(parts, body)
}

/// The mistakes that are found for a signed URL, a configured URL and a request target.
fn url_mistakes(
    signed: &str,
    configured: Option<&str>,
    target: &str,
    headers: &[(&'static str, &str)],
) -> Vec<UrlMistake> {
    let mut request = signed_for(signed);
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let setup = setup(&own(URLS));
    let setup = if let Some(url) = configured { setup.public_url(url) } else { setup };
    let of_url = |mistake| if let Mistake::Url(mistake) = mistake { mistake } else { panic!("{mistake:?}") };
    proven(&setup, &request).into_iter().map(of_url).collect()
}

#[test]
fn the_differing_parts_of_the_signed_url_are_found() {
    use UrlMistake::{Host, Missing, Path, Port, Query, Scheme, TrailingSlash};
    let host = |signed: &str| Host { signed: signed.into() };
    let port = |signed: Option<&str>| Port { signed: signed.map(str::to_owned) };
    let path = |signed: &str| Path { signed: signed.into() };
    let query = |change| Query { change };
    let (https, http) = (Scheme { signed: "https" }, Scheme { signed: "http" });
    let taken = "a proxy removed or changed it";
    let alone = ("x-unrelated", "1");
    for (signed, configured, target, header, found) in [
        ("https://a.io/in", "http://a.io", "/in", alone, vec![https.clone()]),
        ("http://a.io/in", "https://a.io/", "/in", alone, vec![http.clone()]),
        ("http://a.io/prod/in", "https://a.io/prod/in", "/in", alone, vec![http.clone()]),
        ("http://acme.example/prod/in", "https://acme.example/prod/in", "/in", alone, vec![http.clone()]),
        ("https://b.io/in", "https://a.io", "/in", ("host", "b.io"), vec![host("b.io")]),
        ("https://b.io/in", "https://a.io", "/in", ("x-forwarded-host", "b.io, c.io"), vec![host("b.io")]),
        ("https://a.io/in", "https://A.io", "/in", alone, vec![host("a.io")]),
        ("https://u:p@a.io/in", "https://u:p@A.io", "/in", alone, vec![host("a.io")]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("host", "a.io:8443"), vec![port(Some("8443"))]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("x-forwarded-port", "8443"), vec![port(Some("8443"))]),
        ("https://a.io:443/in", "https://a.io", "/in", alone, vec![port(Some("443"))]),
        ("https://a.io/in", "https://a.io:80", "/in", alone, vec![port(None)]),
        ("https://a.io/in/", "https://a.io", "/in", alone, vec![TrailingSlash { signed: true }]),
        ("https://a.io/in", "https://a.io", "/in/", alone, vec![TrailingSlash { signed: false }]),
        ("https://a.io/hook/deep/in", "https://a.io/hook/deep", "/in", alone, vec![path("/hook/deep/in")]),
        ("https://a.io/in", "https://a.io/hook/deep", "/in", alone, vec![path("/in")]),
        ("https://a.io/api/in", "https://a.io", "/in", ("x-forwarded-prefix", "/api/"), vec![path("/api/in")]),
        ("https://a.io/api", "https://a.io", "/in", ("x-original-uri", "/api?b=1"), vec![path("/api")]),
        ("https://a.io/api", "https://a.io", "/in", ("x-original-url", "http://b.io/api"), vec![path("/api")]),
        ("https://a.io/in?b=1", "https://a.io", "/in", ("x-original-uri", "/in?b=1"), vec![query(taken)]),
        ("https://a.io/in", "https://a.io", "/in?b=1", alone, vec![query("it was added on the way")]),
        ("http://b.io/in", "https://a.io", "/in", ("host", "b.io"), vec![http.clone(), host("b.io")]),
        (
            "http://b.io:8443/in",
            "https://a.io",
            "/in",
            ("host", "b.io:8443"),
            vec![http, host("b.io"), port(Some("8443"))],
        ),
        // More than three mistakes make another URL.
        ("http://b.io:8443/in/", "https://a.io", "/in", ("host", "b.io:8443"), vec![]),
        // Text that is not a host, port or path would change the rest of the URL.
        ("https://b.io/in", "https://a.io", "/in", ("x-forwarded-host", "b.io/in"), vec![]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("x-forwarded-port", "8443/in"), vec![]),
        ("https://a.io.evil.example/in", "https://a.io", "/in", ("x-original-uri", ".evil.example/in"), vec![]),
        ("https://a.io//", "https://a.io", "/", alone, vec![]),
    ] {
        assert_eq!(url_mistakes(signed, Some(configured), target, &[header]), found, "{signed} {configured} {target}");
    }
    let missing = |signed: &str| [Missing { signed: signed.into() }];
    for origin in ["https://b.io", "http://b.io"] {
        assert_eq!(url_mistakes(&format!("{origin}/in"), None, "/in", &[("host", "b.io")]), missing(origin));
    }
}

#[test]
fn a_url_is_tried_up_to_the_limit_of_servers() {
    let configured = "https://a.io";
    for (len, found) in [(8192, vec![UrlMistake::TrailingSlash { signed: true }]), (8193, vec![])] {
        let target = format!("/{}", "x".repeat(len - configured.len() - 1));
        assert_eq!(url_mistakes(&format!("{configured}{target}/"), Some(configured), &target, &[]), found, "{len}");
    }
    // The limit applies only if the scheme signs the URL.
    let target = format!("/{}", "x".repeat(9000));
    let request = Request::post(&target).header("x-hub-signature-256", format!("sha256={:064}", 0));
    let request = request.body(Bytes::from("{}")).unwrap();
    assert!(!explain(&setup(&providers::GITHUB.scheme().unwrap()), &request, now()).is_cut_short());
}

#[test]
fn a_prefix_added_by_a_proxy_is_found_up_to_a_number_of_segments() {
    let tail =
        |first: u8| format!("/{}", (first..=20).map(|segment| segment.to_string()).collect::<Vec<_>>().join("/"));
    for (first, found) in [(15, vec![UrlMistake::Path { signed: tail(15) }]), (16, vec![])] {
        let signed = format!("https://a.io{}", tail(first));
        assert_eq!(url_mistakes(&signed, Some("https://a.io"), &tail(1), &[]), found, "{signed}");
    }
}

#[test]
fn two_mistakes_at_once_are_both_found() {
    let scheme = own(ORDERS);
    let stray = || of_secret("endpoint", SecretMistake::Stray { at_sender: false });
    let quoted = Setup::new(&scheme).unwrap().secret("endpoint", format!("\"{SECRET}\""));
    let mut with_line_feed = sign(&scheme, order("{}"), now());
    *with_line_feed.body_mut() = Bytes::from("{}\n");
    let mut with_name = sign(&scheme, order("{}"), now());
    rename(with_name.headers_mut(), "acme-signature", "x-acme-signature");
    let mut with_both = with_name.clone();
    *with_both.body_mut() = Bytes::from("{}\n");
    let name = renamed("acme-signature", "x-acme-signature");

    let [space] = &proven(&setup(&scheme), &with_line_feed)[..] else { panic!("no cause") };
    assert_eq!(space.code(), "body_white_space");
    assert_eq!(proven(&quoted, &with_line_feed), [stray(), space.clone()]);
    assert_eq!(proven(&quoted, &with_name), [stray(), name.clone()]);
    assert_eq!(proven(&setup(&scheme), &with_both), [name, space.clone()]);
    let shop = with_another_secret(&scheme).other_secret("shop", SECRET);
    let of_another = of_secret("shop", SecretMistake::OfAnotherEndpoint);
    assert_eq!(proven(&shop, &with_line_feed), [of_another, space.clone()]);

    let scheme = own(URLS);
    let scheme_of_url = Mistake::Url(UrlMistake::Scheme { signed: "https" });
    let slash = Mistake::Url(UrlMistake::TrailingSlash { signed: true });
    let mut request = signed_for("https://acme.example/in/");
    let quoted = Setup::new(&scheme).unwrap().secret("endpoint", format!("\"{SECRET}\""));
    assert_eq!(proven(&quoted.public_url("https://acme.example"), &request), [stray(), slash.clone()]);
    *request.body_mut() = Bytes::from("{}\n");
    let setup = setup(&scheme).public_url("http://acme.example");
    assert_eq!(proven(&setup, &request), [scheme_of_url, slash, space.clone()]);
}
