//! The `[keys]` table: published keys.

use crate::{HEAD, HMAC, accepted, refused, refused_at};

/// A scheme whose keys are published, with these lines under `[keys]`.
fn published(keys: &str) -> String {
    let signature = "algorithm = \"ecdsa-p256-sha256\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"\n";
    format!("{HEAD}{signature}[keys]\n{keys}")
}

#[test]
fn urls_where_others_could_publish_keys_are_refused() {
    let at = "format = \"certificate\"\nurl_at = { header = \"X-Url\" }\n";
    let path = "path = \"/certs/{word}.pem\"\n";
    for host in [
        "{label}",
        "keys.{label}",
        "{label}.com",
        "{label}.co.uk",
        "{label}.amazonaws.com",
        "sns.{label}.amazonaws.com",
        "keys.{label}.s3.amazonaws.com",
        "{label}.github.io",
        "{label}.keys.github.io",
        "a{label}.acme.example",
        "{word}.acme.example",
        "ACME.example",
        "127.0.0.1",
        "acme.example:8443",
        "user@acme.example",
        "https://acme.example",
        "acme.example.",
        "",
    ] {
        refused_at(&published(&format!("{at}hosts = [\"{host}\"]\n{path}")), &format!("\"{host}\""), "");
    }
    for host in ["acme.example", "{label}.acme.co.uk", "{label}.acme.example", "sns.{region}.amazonaws.com.cn"] {
        accepted(&published(&format!("{at}hosts = [\"{host}\"]\n{path}")));
    }
    for path in
        ["certs/{word}", "/", "/{word}", "/a/../{word}", "//x", "/a?b={word}", "/a%2f{word}", "/{label}.pem", "/a b"]
    {
        let file = published(&format!("{at}hosts = [\"acme.example\"]\npath = \"{path}\"\n"));
        refused_at(&file, &format!("\"{path}\""), "");
    }
    refused(&published(&format!("{at}{path}")), "expected `hosts`");
    refused(&published(&format!("{at}hosts = [\"acme.example\"]\n")), "expected `path`");
}

#[test]
fn keys_that_do_not_fit_together_are_refused() {
    let url = "url = \"https://acme.example/keys\"\n";
    for (keys, fragment) in [
        ("format = \"jwks\"\n".to_owned(), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}url_at = {{ header = \"U\" }}\n"), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}hosts = [\"acme.example\"]\n"), "needs no rule"),
        (format!("format = \"jwks\"\n{url}json = \"/k\"\n"), "only the format `json`"),
        (format!("format = \"json\"\n{url}"), "expected `json` as well"),
        (format!("format = \"x509\"\n{url}"), "expected `jwks`"),
        (format!("format = \"pem\"\n{url}id = {{ header = \"I\" }}\n"), "would have no effect"),
        (format!("format = \"pem\"\n{url}issued_to = \"acme.example\"\n"), "only for the format `certificate`"),
        ("format = \"pem\"\nurl = \"https://acme.example/{key-id}\"\n".to_owned(), "name its place with `id`"),
        ("format = \"jwks\"\nurl = \"http://acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://10.0.0.1/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://{key-id}.acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        (
            "format = \"jwks\"\nurl = \"https://{setting:tenant}/keys\"\n".to_owned(),
            "the setting `tenant` is not declared",
        ),
    ] {
        refused(&published(&keys), fragment);
    }
    let hmac = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[keys]\nformat = \"jwks\"\n{url}");
    refused_at(&hmac, "[keys]", "not signed with a private key");
}

#[test]
fn the_error_for_a_wrong_placeholder_in_a_host_or_path_names_the_allowed_ones() {
    let file = |host: &str, path: &str| {
        published(&format!(
            "format = \"certificate\"\nurl_at = {{ header = \"X-Url\" }}\nhosts = [\"{host}\"]\npath = \"{path}\"\n"
        ))
    };
    let in_host = file("{word}.acme.example", "/{word}.pem");
    refused_at(&in_host, "\"{word}.acme", "`{word}` is not allowed here; expected `{label}` or `{region}`");
    let in_path = file("{label}.acme.example", "/{region}.pem");
    refused_at(&in_path, "\"/{region}", "`{region}` is not allowed here; expected `{hex}` or `{word}`");
}

#[test]
fn a_key_source_shows_its_url_and_format() {
    let named = "hosts = [\"acme.example\", \"{label}.acme.example\"]\npath = \"/certs/{word}.{hex}.pem\"\n";
    let rule =
        ", if it is https://acme.example/certs/{word}.{hex}.pem or https://{label}.acme.example/certs/{word}.{hex}.pem";
    let in_header = format!("format = \"certificate\"\nurl_at = {{ header = \"X-Url\" }}\n{named}");
    let in_body = format!("format = \"pem\"\nurl_at = {{ json = \"/url\" }}\n{named}");
    let (of_header, of_body) =
        (format!("the URL in header `x-url`{rule}"), format!("the URL in JSON value `/url`{rule}"));
    let url = "url = \"https://acme.example/keys\"\n";
    let set = format!("format = \"jwks\"\n{url}");
    let paid = format!("format = \"pem\"\n{url}bearer = \"an API key\"\n");
    let tenant = "format = \"jwks\"\nurl = \"https://acme.example/{setting:tenant}\"\n[settings]\ntenant = \"yours\"\n";
    let by_id = "format = \"pem\"\nurl = \"https://acme.example/keys/{key-id}\"\nid = { json = \"/key\" }\n";
    // Whether it is a set, certificates, at a URL that the request names, and named in the body; the credential; and
    // where.
    for (keys, says, bearer, place) in [
        (set.as_str(), [true, false, false, false], None, "https://acme.example/keys"),
        (&paid, [false; 4], Some("an API key"), "https://acme.example/keys"),
        (tenant, [true, false, false, false], None, "https://acme.example/{setting:tenant}"),
        (by_id, [false, false, true, true], None, "https://acme.example/keys/{key-id}"),
        (&in_header, [false, true, true, false], None, &of_header),
        (&in_body, [false, false, true, true], None, &of_body),
    ] {
        let scheme = accepted(&published(keys));
        let source = scheme.key_source().unwrap();
        let said = [source.is_set(), source.is_certificate(), source.is_url_named(), source.is_named_in_body()];
        assert_eq!((said, source.bearer(), source.to_string().as_str()), (says, bearer, place), "{keys}");
    }
}
