//! The catalogue as JSON.

use std::{collections::BTreeMap, time::Duration};

use countersign::{Scheme, Tolerance, scheme::Field};
use serde_json::{Value as Json, json};

pub(super) fn scheme(scheme: &Scheme) -> Json {
    let field =
        |field: Option<&Field>| field.map(|field| json!({ "from": field.to_string(), "covered": field.is_covered() }));
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs());
    let window = |window: Tolerance| json!({ "past": window.past().as_secs(), "future": window.future().as_secs() });
    json!({
        "id": scheme.id(),
        "name": scheme.name(),
        "aliases": scheme.aliases(),
        "category": scheme.category(),
        "algorithm": scheme.algorithm(),
        "signature": scheme.signature_source(),
        "layout": scheme.signature_layout(),
        "signs": scheme.signed_content(),
        "signs_in_words": scheme.signed_parts(),
        "checks": scheme.companion_checks(),
        "signature_rules": scheme.signature_rules(),
        "published_keys": scheme.key_source().map(ToString::to_string),
        "secret": scheme.secret_form(),
        "body_covered": scheme.covers_body(),
        "timestamp": scheme.timestamp_form(),
        "tolerance_seconds": scheme.tolerance().map(window),
        "event_id": field(scheme.event_id()),
        "event_type": field(scheme.event_type()),
        "methods": scheme.methods().iter().map(http::Method::as_str).collect::<Vec<_>>(),
        "needs_public_url": scheme.needs_public_url(),
        "settings": scheme.settings().collect::<BTreeMap<_, _>>(),
        "handshakes": scheme.handshakes(),
        "legacy": scheme.is_legacy(),
        "takes_public_key": scheme.takes_public_key(),
        "advice": scheme.advice().iter().map(|advice| advice.code()).collect::<Vec<_>>(),
        "addresses": scheme.addresses().map(|addresses| json!({
            "ranges": addresses.ranges().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "source": addresses.source(),
            "read": addresses.read_on().map(|date| date.to_string()),
            "list": addresses.list(),
        })),
        "ambiguous": scheme.ambiguity(),
        "answer_success": scheme.answers().success_text(),
        "answer_body": scheme.answers().body(),
        "answer_refusal": scheme.answers().refusal().map(|status| status.as_u16()),
        "answer_in_progress": scheme.answers().in_progress().map(|status| status.as_u16()),
        "answer_within_seconds": seconds(scheme.answers().within()),
        "retries_for_seconds": seconds(scheme.answers().retries_for()),
        "checked": scheme.checked().map(|checked| checked.to_string()),
        "source": scheme.source(),
        "notes": scheme.notes(),
    })
}
