//! Adyen's canonical form: eight values of a notification, separated by colons.
//!
//! Source: `getDataToSign` in `lib/src/utils/hmacValidator.js` of `@adyen/api-library` 32.1.0.

use serde_json::value::RawValue;

use super::scalar;
use crate::{
    content::malformed_value,
    json::{self, Pointer, Scalar},
    rejection::{Problem, Rejection},
    scheme::Source,
};

/// The pointer to the item that contains the values.
const ITEM: &str = "/notificationItems/0/NotificationRequestItem";

/// The signed values, in order. A missing value counts as empty.
const SIGNED: [&str; 8] = [
    "/pspReference",
    "/originalReference",
    "/merchantAccountCode",
    MERCHANT_REFERENCE,
    "/amount/value",
    "/amount/currency",
    "/eventCode",
    "/success",
];

/// The merchant chooses this value, and may use colons in it.
const MERCHANT_REFERENCE: &str = "/merchantReference";

pub(super) fn covers(source: &Source) -> bool {
    let Source::Json(pointer) = source else { return false };
    SIGNED.iter().any(|signed| Pointer::parse(&format!("{ITEM}{signed}")).as_ref() == Some(pointer))
}

pub(super) fn write(body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let item = item(body)?;
    let mut values = Vec::with_capacity(SIGNED.len());
    for signed in SIGNED {
        let malformed = |problem| malformed_value(format!("JSON value `{ITEM}{signed}`"), problem);
        let value = scalar(item.get().as_bytes(), signed).map_err(malformed)?;
        let value = value.map(Scalar::into_text).unwrap_or_default();
        // No other value has colons, so the limits of the reference are clear when read from both ends.
        if signed != MERCHANT_REFERENCE && value.contains(':') {
            return Err(Rejection::AmbiguousContent { rule: "a signed value contains the colon that ends it" });
        }
        values.push(value);
    }
    Ok(values.join(":").into_bytes())
}

/// The only item of the notification. The signature is in it and covers no other.
fn item(body: &[u8]) -> Result<&RawValue, Rejection> {
    let malformed = |problem| malformed_value(format!("JSON value `{ITEM}`"), problem);
    let list = Pointer::parse("/notificationItems").ok_or_else(|| malformed(Problem::Missing))?;
    let list = json::raw(body, &list).map_err(|unusable| malformed(unusable.into()))?;
    let list: Vec<&RawValue> = list.and_then(|list| serde_json::from_slice(list).ok()).unwrap_or_default();
    let [only] = list.as_slice() else {
        return Err(Rejection::AmbiguousContent {
            rule: "there must be exactly one item, because the signature covers one",
        });
    };
    let pointer = Pointer::parse("/NotificationRequestItem").ok_or_else(|| malformed(Problem::Missing))?;
    let item = json::raw(only.get().as_bytes(), &pointer).map_err(|unusable| malformed(unusable.into()))?;
    let item = item.and_then(|item| serde_json::from_slice(item).ok());
    item.ok_or_else(|| malformed(Problem::Missing))
}
