//! Changes to URLs, and moves of their parts into the body.

use fastrand::Rng;

use crate::{Change, request::Request};

pub(crate) fn target(rng: &mut Rng, target: &String) -> Change<String> {
    let query = if target.contains('?') { '&' } else { '?' };
    let targets = [
        ("as it is", target.clone()),
        ("slash behind the path", target.replacen('?', "/?", 1)),
        ("slash twice", format!("/{target}")),
        ("a parameter more", format!("{target}{query}more=1")),
        ("a parameter less", target.split('&').next().unwrap_or_default().to_owned()),
        ("no query", target.split('?').next().unwrap_or_default().to_owned()),
        ("empty query", format!("{}?", target.split('?').next().unwrap_or_default())),
        ("ampersand behind", format!("{target}&")),
        ("two question marks", target.replacen('?', "??", 1)),
        ("escapes in lower case", target.replace("%C3%A9", "%c3%a9")),
        ("escapes undone", target.replace("%20", " ").replace("%27", "'")),
        ("plus for %20", target.replace("%20", "+")),
        ("%20 for plus", target.replace('+', "%20")),
        ("a letter escaped", target.replace('n', "%6E").replace('o', "%6F")),
        ("a quotation mark", format!("{target}{query}q='\"")),
        ("an escaped quotation mark", format!("{target}{query}q=%27")),
        ("marks that are escaped by some", format!("{target}{query}q=(a)!*~|^`{{}}[]")),
        ("dots in the path", format!("/a/..{target}")),
        ("escaped dots in the path", format!("/%2e%2e{target}")),
        ("other script", format!("{target}{query}q=é")),
        ("a parameter twice", format!("{target}{query}a=1&a=2&a=1")),
        ("a parameter without a value", format!("{target}{query}flag")),
        ("a backslash", format!("{target}{query}q=\\")),
        ("a hash of a body that is not", format!("{target}{query}bodySHA256={}", "0".repeat(64))),
        ("the name of a hash", target.replace("bodySHA256", "bodysha256")),
        ("a hash in upper case", upper_hash(target)),
        ("half a hash", target.get(..target.len().saturating_sub(9)).unwrap_or("/").to_owned()),
    ];
    let (name, target) = &targets[rng.usize(..targets.len())];
    (name, target.clone())
}

fn upper_hash(target: &str) -> String {
    let (before, hash) = target.split_once("bodySHA256=").unwrap_or((target, ""));
    if hash.is_empty() { before.to_owned() } else { format!("{before}bodySHA256={}", hash.to_uppercase()) }
}

/// The URL as the provider may have signed it.
pub(crate) fn signed_form(rng: &mut Rng, origin: &str, target: &str) -> Change<String> {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
    let (user, host) = authority.split_once('@').map_or(("", authority), |(user, host)| (user, host));
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let name = host.split(':').next().unwrap_or_default();
    let port = if scheme == "https" { 443 } else { 80 };
    let forms = [
        ("as it is", format!("{origin}{target}")),
        ("as it is", format!("{origin}{target}")),
        ("without a port", format!("{scheme}://{user}{name}{target}")),
        ("with the usual port", format!("{scheme}://{user}{name}:{port}{target}")),
        ("with another port", format!("{scheme}://{user}{name}:9999{target}")),
        ("without the user", format!("{scheme}://{host}{target}")),
        ("by the other scheme", format!("{}://{authority}{target}", if scheme == "https" { "http" } else { "https" })),
        ("host in upper case", format!("{scheme}://{user}{}{target}", host.to_uppercase())),
        (
            "as browsers write it",
            format!("{origin}{}", target.replace('\'', "%27").replace('"', "%22").replace(' ', "%20")),
        ),
        ("of another host", format!("{scheme}://other.example{target}")),
    ];
    let (name, url) = &forms[rng.usize(..forms.len())];
    (name, url.clone())
}

/// Moves signed text from the URL into the form, or back.
pub(crate) fn border(rng: &mut Rng, request: &mut Request) -> &'static str {
    if rng.bool() {
        let Some(last) = request.target.pop() else { return "none" };
        let body = String::from_utf8_lossy(&request.body).into_owned();
        request.body = format!("{last}{body}").into_bytes();
        return "a character of the URL goes to the form";
    }
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let (first, rest) = text.split_once('&').unwrap_or((&text, ""));
    request.target.push_str(&first.replacen('=', "", 1));
    request.body = rest.as_bytes().to_vec();
    "a parameter of the form goes to the URL"
}
