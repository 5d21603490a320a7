//! The frame of every page: head, header, footer and content security policy.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("filter.js");

/// A page. Only the index has a script.
pub(super) fn page(title: &str, has_script: bool, main: &Markup) -> String {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(has_script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header { div {
                    a.home href="index.html" { "Countersign" }
                    span { "the catalogue of providers" }
                } }
                main #main { (main) }
                footer { p {
                    "Generated from the scheme files of countersign " (env!("CARGO_PKG_VERSION")) " by "
                    code { "countersign providers pages" } "."
                } }
                @if has_script { script { (PreEscaped(SCRIPT)) } }
            }
        }
    };
    html.into_string()
}

/// The content security policy: the browser runs and loads only our own script and style, whatever a text may inject.
fn policy(has_script: bool) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let script = if has_script { format!(" script-src {};", hash(SCRIPT)) } else { String::new() };
    format!("default-src 'none'; style-src {};{script} base-uri 'none'; form-action 'none'", hash(STYLE))
}
