//! Snippets for a provider: an endpoint for the gateway's configuration, and a few lines of Rust.

use countersign::{Scheme, scheme::KeySource};

use super::entry::{Entry, Origin};

/// The endpoint for `countersign.toml`.
pub(super) fn endpoint(entry: &Entry) -> String {
    let scheme = &entry.scheme;
    let path = format!("/{}", path_of(scheme.id()));
    let mut lines = vec!["[[endpoint]]".to_owned(), format!("path = {}", quoted(&path))];
    lines.push(match &entry.origin {
        Origin::Catalogue { .. } => format!("provider = {}", quoted(scheme.id())),
        Origin::Own { file } => format!("scheme = {}", quoted(file)),
    });
    let secret = format!("secrets = [{}]", quoted(&format!("env:{}", variable(scheme))));
    match scheme.key_source().map(KeySource::bearer) {
        None if scheme.sends_secret() => {
            let file = quoted(&format!("{}.secret", path_of(scheme.id())));
            lines.push(
                "# The provider sends its secret first. It is stored in this file, which must not exist yet."
                    .to_owned(),
            );
            lines.push(format!("secrets = [{{ handshake = {file} }}]"));
            lines.push(format!("# or, if you have it already: {secret}"));
        }
        None => lines.push(secret),
        Some(bearer) => {
            let credential = quoted(&format!("env:{}", credential(scheme)));
            let table = bearer.map(|_| format!("{{ fetch = true, bearer = {credential} }}"));
            lines.push(format!("keys = {}", table.unwrap_or_else(|| quoted("fetch"))));
            lines.push(format!("# or: {secret}"));
        }
    }
    if scheme.needs_public_url() {
        lines.push(format!("public_url = {}", quoted(&url(&path))));
    }
    if scheme.is_legacy() {
        lines.push("allow_legacy = true".to_owned());
    }
    if scheme.settings().next().is_some() {
        lines.extend([String::new(), "[endpoint.settings]".to_owned()]);
        lines.extend(scheme.settings().map(|(name, _)| format!("{} = {}", quoted(name), quoted("…"))));
    }
    lines.join("\n")
}

/// Rust code that verifies one request or, if keys are fetched, builds the layer for a service.
pub(super) fn rust(entry: &Entry) -> String {
    let scheme = &entry.scheme;
    if let (Some(source), Origin::Catalogue { constant }) = (scheme.key_source(), &entry.origin) {
        return fetching(scheme, source, constant);
    }
    let mut lines = Vec::new();
    let provider = match &entry.origin {
        Origin::Catalogue { constant } => {
            lines.push("use countersign::{Verifier, providers};\n".to_owned());
            format!("providers::{constant}")
        }
        Origin::Own { file } => {
            lines.push("use countersign::{Scheme, Verifier};\n".to_owned());
            lines.push(format!("let scheme = Scheme::from_toml({:?}, include_str!({file:?}))?;", scheme.id()));
            "scheme".to_owned()
        }
    };
    lines.push(format!("let secret = std::env::var({:?})?;", variable(scheme)));
    let options = options(scheme);
    if options.is_empty() {
        lines.push(format!("let verifier = Verifier::new({provider}, secret)?;"));
    } else {
        lines.push(format!("let verifier = Verifier::builder({provider})"));
        lines.push("    .secret(secret)".to_owned());
        lines.extend(options.into_iter().map(|option| format!("    {option}")));
        lines.push("    .build()?;".to_owned());
    }
    lines.push("let verified = verifier.verify(&head, body, std::time::SystemTime::now())?;".to_owned());
    lines.join("\n")
}

fn fetching(scheme: &Scheme, source: &KeySource, constant: &str) -> String {
    let mut lines = vec![
        "use countersign_tower::{".to_owned(),
        "    FetchedKeys, HttpsFetch, VerifyLayer, public_roots,".to_owned(),
        "    countersign::{Verifier, providers},".to_owned(),
        "};\n".to_owned(),
        format!("let unkeyed = Verifier::builder(providers::{constant})"),
    ];
    lines.extend(options(scheme).into_iter().map(|option| format!("    {option}")));
    lines.push("    .without_keys()?;".to_owned());
    lines.push(match source.bearer() {
        Some(_) => format!("let fetch = HttpsFetch::new().with_bearer(&std::env::var({:?})?)?;", credential(scheme)),
        None => "let fetch = HttpsFetch::new();".to_owned(),
    });
    lines.push("let layer = VerifyLayer::new(FetchedKeys::new(unkeyed, fetch).with_roots(public_roots()));".to_owned());
    lines.join("\n")
}

fn options(scheme: &Scheme) -> Vec<String> {
    let url =
        scheme.needs_public_url().then(|| format!(".public_url({:?})", url(&format!("/{}", path_of(scheme.id())))));
    let settings = scheme.settings().map(|(name, _)| format!(".setting({name:?}, \"…\")"));
    let legacy = scheme.is_legacy().then(|| ".allow_legacy()".to_owned());
    url.into_iter().chain(settings).chain(legacy).collect()
}

fn url(path: &str) -> String {
    format!("https://hooks.example.com{path}")
}

/// The id as one segment of a path.
fn path_of(id: &str) -> String {
    id.replace(|c: char| !c.is_ascii_alphanumeric() && !"-._~".contains(c), "-")
}

/// The environment variable with the secret.
fn variable(scheme: &Scheme) -> String {
    named(scheme, if scheme.takes_public_key() { "PUBLIC_KEY" } else { "SECRET" })
}

/// The environment variable with the credential that the provider asks for before it gives out its keys.
fn credential(scheme: &Scheme) -> String {
    named(scheme, "CREDENTIAL")
}

fn named(scheme: &Scheme, what: &str) -> String {
    let name = scheme.id().replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_uppercase();
    let digit = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    format!("{digit}{name}_{what}")
}

/// A basic string of TOML. It escapes as JSON does, and one more character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
