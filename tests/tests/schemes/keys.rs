//! Keys that are published.

use crate::{HEAD, HMAC, accepted, refused, refused_at};

/// A scheme whose keys are published, with these lines under `[keys]`.
fn published(keys: &str) -> String {
    let signature = "algorithm = \"ecdsa-p256-sha256\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"\n";
    format!("{HEAD}{signature}[keys]\n{keys}")
}

#[test]
fn places_of_keys_where_others_could_put_theirs() {
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
fn tables_of_keys_that_do_not_fit_together() {
    let url = "url = \"https://acme.example/keys\"\n";
    for (keys, fragment) in [
        ("format = \"jwks\"\n".to_owned(), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}url_at = {{ header = \"U\" }}\n"), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}hosts = [\"acme.example\"]\n"), "needs no rule"),
        (format!("format = \"jwks\"\n{url}json = \"/k\"\n"), "only the format `json`"),
        (format!("format = \"json\"\n{url}"), "expected `json` beside it"),
        (format!("format = \"x509\"\n{url}"), "expected `jwks`"),
        (format!("format = \"pem\"\n{url}id = {{ header = \"I\" }}\n"), "would do nothing"),
        (format!("format = \"pem\"\n{url}issued_to = \"acme.example\"\n"), "only a certificate"),
        ("format = \"pem\"\nurl = \"https://acme.example/{key-id}\"\n".to_owned(), "say with `id`"),
        ("format = \"jwks\"\nurl = \"http://acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://10.0.0.1/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://{key-id}.acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://{setting:tenant}/keys\"\n".to_owned(), "`[settings]` does not say"),
    ] {
        refused(&published(&keys), fragment);
    }
    let hmac = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[keys]\nformat = \"jwks\"\n{url}");
    refused_at(&hmac, "[keys]", "not signed with a private key");
}
