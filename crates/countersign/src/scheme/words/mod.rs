//! Describes a scheme in words, for pages and reports. Code and names are between backticks.

mod handshake;
mod parts;
mod rules;
mod secret;

use super::{Algorithm, Check, Description, Equals, Syntax, UrlForm};
use crate::{algorithm::Digest, encoding::Encoding, timestamp::TimestampFormat};

impl Description {
    /// Returns what the secret is and how it becomes a key, such as "the text that the provider shows, decoded from
    /// `base64`".
    pub fn secret_form(&self) -> String {
        secret::form(self)
    }

    /// Returns the layout of the text that carries the signature, such as "items between `,` in any order:
    /// `t={timestamp}`, `v1={hex}`".
    pub fn signature_layout(&self) -> String {
        let unwrapped = self.signature.unwrap.iter().flat_map(|unwrap| {
            let encoding = unwrap.encoding.map(|encoding| format!("decoded from `{}`", encoding.name()));
            let json = unwrap.json.as_ref().map(|pointer| format!("the JSON value `{pointer}` of it"));
            encoding.into_iter().chain(json)
        });
        let every = self.signature.every.then(|| "of all these headers and all their lines".to_owned());
        let steps: Vec<String> = every.into_iter().chain(unwrapped).chain([layout(&self.signature.syntax)]).collect();
        steps.join(", then ")
    }

    /// Returns the parts of the signed content, in order. Empty for tokens and passwords, which sign nothing.
    pub fn signed_parts(&self) -> Vec<String> {
        let hashed = self.signature.prehash.map(|digest| format!("the {} of all this", digest_in_words(digest)));
        self.signature.parts.iter().map(|part| parts::part(part, &self.form)).chain(hashed).collect()
    }

    /// Returns the place and format of the signed time. `None` if no time is signed, or only that of a token.
    pub fn timestamp_form(&self) -> Option<String> {
        self.timestamp.as_ref().map(|rule| {
            let place = rule.source.as_ref().map_or("the signature's own text".to_owned(), ToString::to_string);
            format!("{place}, {}", format_in_words(rule.format))
        })
    }

    /// Returns the checks in addition to the signature, such as a hash of the body in a signed header.
    pub fn companion_checks(&self) -> Vec<String> {
        self.checks.iter().map(|check| check_in_words(check, self)).collect()
    }

    /// Returns what a JSON Web Token or an HTTP Message Signature must contain and cover. Empty for schemes without
    /// one.
    pub fn signature_rules(&self) -> Vec<String> {
        let issuing = matches!(self.signature.algorithm, Algorithm::Jwt).then(|| rules::of_issuing(&self.jwt));
        rules::of_token(&self.jwt).into_iter().chain(issuing.flatten()).chain(rules::of_message(&self.http)).collect()
    }

    /// Returns the questions that the provider asks an endpoint, each with its answer. Empty if it asks none.
    pub fn handshakes(&self) -> Vec<String> {
        self.handshakes.iter().map(handshake::handshake).collect()
    }

    /// Returns the forms in which the URL may be signed. Empty if it must be the public URL unchanged.
    pub fn url_forms(&self) -> Vec<String> {
        let forms = self.url.forms.iter().map(|form| match form {
            UrlForm::AsIs => "as it is".to_owned(),
            UrlForm::WithPort => "with its port".to_owned(),
            UrlForm::WithoutPort => "without a port".to_owned(),
            UrlForm::Decoded => format!("with the escapes of `{}` decoded", self.url.decode),
        });
        if matches!(self.url.forms.as_slice(), [] | [UrlForm::AsIs]) { Vec::new() } else { forms.collect() }
    }
}

fn layout(syntax: &Syntax) -> String {
    let shape = |shape: &super::syntax::Shape| format!("`{}`", shape.print(|hole| format!("{{{hole}}}")));
    let shapes = |items: &[super::syntax::Shape]| items.iter().map(shape).collect::<Vec<_>>().join(", ");
    match syntax {
        Syntax::Value(one) => shape(one),
        Syntax::List { separators, items, item_end, .. } => {
            let separators: Vec<_> = separators.iter().map(|byte| character(*byte)).collect();
            let end = item_end.map(|end| format!(", each with or without {} at its end", character(end)));
            format!(
                "items between {} in any order: {}{}",
                separators.join(" or "),
                shapes(items),
                end.unwrap_or_default()
            )
        }
        Syntax::Fields { separator, items, rest } => {
            let more = rest.as_ref().map(|rest| format!(", then any number of {}", shape(rest))).unwrap_or_default();
            format!("items between {} in this order: {}{more}", character(*separator), shapes(items))
        }
    }
}

fn character(byte: u8) -> String {
    match byte {
        b' ' => "spaces".to_owned(),
        b'`' => "backticks".to_owned(),
        byte => format!("`{}`", char::from(byte).escape_default()),
    }
}

fn format_in_words(format: TimestampFormat) -> &'static str {
    match format {
        TimestampFormat::Seconds => "seconds since 1970",
        TimestampFormat::Milliseconds => "milliseconds since 1970",
        TimestampFormat::SecondsOrMilliseconds => "seconds since 1970 (10 digits) or milliseconds (13)",
        TimestampFormat::Rfc3339 => "RFC 3339 with a zone",
        TimestampFormat::Rfc3339OrUtc => "RFC 3339, in UTC where it names no zone",
        TimestampFormat::HttpDate => "a date as in HTTP (`Sun, 06 Nov 1994 08:49:37 GMT`)",
    }
}

fn check_in_words(check: &Check, scheme: &Description) -> String {
    let wanted = match &check.equals {
        Equals::Body => "the body, byte for byte".to_owned(),
        Equals::BodyHash(digest, encodings) => {
            let names: Vec<_> = encodings.iter().map(|encoding| format!("`{}`", encoding.name())).collect();
            format!("the {} of the body in {}", digest_in_words(*digest), names.join(" or "))
        }
        Equals::Text(texts) => {
            let texts = texts.iter().map(|parts| {
                parts.iter().map(|part| parts::part(part, &scheme.form)).collect::<Vec<_>>().join(", then ")
            });
            texts.collect::<Vec<_>>().join("; or ")
        }
    };
    let missing = match check {
        Check { optional: true, .. } => " (if it is there)",
        Check { unless_empty: true, .. } => " (it may be missing if the body is empty)",
        _ => "",
    };
    let if_set = check.if_set.as_ref().map(|name| format!(", if the setting `{name}` is configured"));
    format!("{} must be {wanted}{missing}{}", check.source, if_set.unwrap_or_default())
}

fn digest_in_words(digest: Digest) -> String {
    let name = digest.name();
    name.strip_prefix("sha")
        .filter(|rest| !rest.starts_with('3'))
        .map_or_else(|| name.to_uppercase(), |rest| format!("SHA-{rest}"))
}

fn encoding_in_words(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::HexLower => "hex digits in lower case",
        Encoding::HexUpper => "hex digits in upper case",
        Encoding::HexAny => "hex digits",
        Encoding::Base64 => "base64",
        Encoding::Base64Unpadded => "base64 without padding",
        Encoding::Base64Url => "base64url",
        Encoding::Base64UrlUnpadded => "base64url without padding",
    }
}

#[cfg(test)]
mod tests {
    use crate::{Scheme, providers};

    fn scheme(id: &str) -> Scheme {
        crate::Provider::find(id).unwrap().scheme().unwrap()
    }

    #[test]
    fn a_scheme_is_described_in_words() {
        let stripe = scheme("stripe");
        let form = "the text that the provider shows, as it is, with its prefix `whsec_`";
        assert_eq!(stripe.secret_form(), form);
        assert_eq!(stripe.signature_layout(), "items between `,` in any order: `t={timestamp}`, `v1={hex}`");
        assert_eq!(stripe.signed_parts(), ["the signed time, as it is written", "the text `.`", "the body"]);
        assert_eq!(stripe.timestamp_form().as_deref(), Some("the signature's own text, seconds since 1970"));
        let twilio = scheme("twilio-json");
        assert_eq!(
            twilio.companion_checks(),
            ["query parameter `bodySHA256` must be the SHA-256 of the body in `hex`"]
        );
        assert_eq!(twilio.url_forms(), ["without a port", "with its port"]);
        let zoom = scheme("zoom").handshakes();
        assert!(
            zoom[0].contains("verified like a delivery. Answered 200 with `{\"plainToken\":{JSON value"),
            "{zoom:?}"
        );
        assert_eq!(scheme("gitlab").signed_parts(), [""; 0]);
    }

    #[test]
    #[cfg(feature = "rsa")]
    fn a_prehash_is_described() {
        let bridge = scheme("bridge").signed_parts();
        assert_eq!(bridge.last().map(String::as_str), Some("the SHA-256 of all this"));
    }

    #[test]
    fn only_a_token_has_rules_for_claims() {
        for scheme in providers::ALL.iter().filter_map(|provider| provider.scheme().ok()) {
            let of_claims = scheme.signature_rules().iter().any(|rule| rule.contains("`iat`"));
            let token = matches!(scheme.signature.algorithm, super::Algorithm::Jwt);
            assert!(token || !of_claims, "{}: {:?}", scheme.id(), scheme.signature_rules());
        }
    }

    #[test]
    fn no_description_of_the_catalogue_is_empty_or_has_an_unpaired_backtick() {
        // Only those whose algorithm is in this build.
        for scheme in providers::ALL.iter().filter_map(|provider| provider.scheme().ok()) {
            let mut words = vec![scheme.secret_form(), scheme.signature_layout()];
            words.extend(scheme.signed_parts().into_iter().chain(scheme.timestamp_form()));
            words.extend(
                scheme.companion_checks().into_iter().chain(scheme.signature_rules()).chain(scheme.url_forms()),
            );
            words.extend(scheme.handshakes());
            for text in words {
                assert!(!text.is_empty() && text.matches('`').count() % 2 == 0, "{}: {text}", scheme.id());
            }
        }
    }
}
