//! The classes of disagreements.

use countersign::{Problem, Rejection};

use crate::{
    request::Request,
    senders::{Bodies, Sender},
};

/// UTF-8's byte order mark, which a decoder of text removes.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The classes in which we may accept what an SDK refuses: the signature covers bytes, and the SDK has decoded them as
/// text; or the SDK takes a request for one of another kind.
pub(crate) const ALLOWED: [&str; 6] = [
    "raw-bytes/byte-order-mark",
    "raw-bytes/escape",
    "raw-bytes/none",
    "raw-bytes/not-utf-8",
    "raw-bytes/order",
    "another-kind/text-in-url",
];

/// The class of a request that we refuse and the SDK accepts: our reason, and for a wrong signature what is unusual
/// about the request.
pub(crate) fn ours_refuses(sender: &Sender, request: &Request, rejection: &Rejection) -> String {
    let problem = match rejection {
        Rejection::Signature if sender.signs_url => return "signature/url".to_owned(),
        Rejection::Signature if std::str::from_utf8(&request.body).is_err() => return "signature/not-utf-8".to_owned(),
        Rejection::Signature if request.body.starts_with(MARK) => return "signature/byte-order-mark".to_owned(),
        Rejection::MalformedId { problem, .. }
        | Rejection::MalformedSignature { problem, .. }
        | Rejection::MalformedTimestamp { problem, .. }
        | Rejection::MalformedValue { problem, .. } => problem,
        _ => return rejection.code().to_owned(),
    };
    format!("{}/{}", rejection.code(), word(*problem))
}

/// Converts `UnknownVersion` to `unknown-version`.
fn word(problem: Problem) -> String {
    let mut word = String::new();
    for letter in format!("{problem:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

/// The class of a request that we accept and the SDK refuses: what a text cannot represent of its bytes, if anything.
pub(crate) fn ours_accepts(sender: &Sender, request: &Request, refusal: &str) -> String {
    let class = match sender.bodies {
        _ if request.body.is_empty() => "raw-bytes/none",
        _ if std::str::from_utf8(&request.body).is_err() => "raw-bytes/not-utf-8",
        _ if request.body.starts_with(MARK) => "raw-bytes/byte-order-mark",
        Bodies::Form if is_unescaped_otherwise(&request.body) => "raw-bytes/escape",
        Bodies::Form if is_sorted_otherwise(&request.body) => "raw-bytes/order",
        Bodies::Form if names_a_hash(&request.target) => "another-kind/text-in-url",
        _ => return format!("the SDK says: {refusal}"),
    };
    class.to_owned()
}

/// Whether a form has characters outside ASCII, and an invalid escape or one that is not UTF-8. Node.js then truncates
/// those characters to a byte each.
fn is_unescaped_otherwise(form: &[u8]) -> bool {
    let is_escape = |rest: &[u8]| rest.len() > 1 && rest[..2].iter().all(u8::is_ascii_hexdigit);
    let is_half = form.split(|byte| *byte == b'%').skip(1).any(|rest| !is_escape(rest));
    let has_other = form_urlencoded::parse(form).any(|(name, value)| (name + &*value).contains('\u{FFFD}'));
    !form.is_ascii() && (is_half || has_other)
}

/// Whether the order of the names or values of a form differs between UTF-16 and bytes.
fn is_sorted_otherwise(form: &[u8]) -> bool {
    let by_bytes: Vec<_> = sorted(form, |text| text.as_bytes().to_vec());
    by_bytes != sorted(form, |text| text.encode_utf16().collect::<Vec<_>>())
}

fn sorted<K: Ord>(form: &[u8], key: impl Fn(&str) -> K) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = form_urlencoded::parse(form).into_owned().collect();
    pairs.sort_by_key(|(name, value)| (key(name), key(value)));
    pairs
}

/// Whether the name of the hash is in the URL, but is no parameter's name.
fn names_a_hash(target: &str) -> bool {
    const NAME: &str = "bodySHA256";
    let query = target.split_once('?').map_or("", |(_, query)| query);
    target.contains(NAME) && form_urlencoded::parse(query.as_bytes()).all(|(name, _)| name != NAME)
}
