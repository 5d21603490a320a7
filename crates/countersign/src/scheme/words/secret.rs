//! Describes the secret in words.

use super::digest_in_words;
use crate::scheme::{Algorithm, Description};

pub(super) fn form(scheme: &Description) -> String {
    let rule = &scheme.secret;
    let what = match (&scheme.signature.algorithm, scheme.takes_public_key()) {
        (_, true) if rule.encoding.is_some() => "the provider's public key: PEM, a JSON Web Key",
        (_, true) => "the provider's public key: PEM, a JSON Web Key, or the base64 of its DER",
        (Algorithm::Basic, _) => "`user:password`",
        _ if rule.strip.is_none() && rule.encoding.is_none() => "the text that the provider shows, as it is",
        _ => "the text that the provider shows",
    };
    let mut steps = vec![what.to_owned()];
    if let Some(prefix) = &rule.verbatim {
        steps.push(format!("unchanged if it begins with `{prefix}`"));
    }
    if let Some(prefix) = &rule.begins {
        steps.push(format!("with its prefix `{prefix}`"));
    }
    if let Some(prefix) = &rule.strip {
        let required = if rule.prefix_required { "which it must have" } else { "if it has it" };
        steps.push(format!("without its prefix `{prefix}`, {required}"));
    }
    if let Some(encoding) = rule.encoding {
        let name = encoding.name();
        steps.push(if scheme.takes_public_key() {
            format!("or the bare key in `{name}`")
        } else {
            format!("decoded from `{name}`")
        });
    }
    if let Some(bytes) = rule.bytes {
        steps.push(format!("or unchanged, if that is not {bytes} bytes"));
    }
    if !rule.prepend.is_empty() {
        steps.push(format!("with `{}` in front", rule.prepend));
    }
    if !rule.append.is_empty() {
        steps.push(format!("with `{}` after it", rule.append));
    }
    steps.extend(rule.hash.map(|digest| format!("the {} of that", digest_in_words(digest))));
    steps.join(", ")
}
