//! Writes tokens, for the signer.

use serde_json::{Map, Value};

use super::JwsAlgorithm;
use crate::encoding::Encoding;

/// Writes a JWS that contains its payload. `sign` takes the signed bytes, and returns `None` if it cannot sign.
///
/// The parameters follow `alg` in the header; they include `kid` and `typ` if these are wanted.
pub(crate) fn write(
    algorithm: JwsAlgorithm,
    parameters: &[(&str, &str)],
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<String> {
    let signed = format!("{}.{}", header(algorithm, parameters, true), BASE64.encode(payload));
    let signature = sign(signed.as_bytes())?;
    Some(format!("{signed}.{}", BASE64.encode(&signature)))
}

/// Writes a JWS with a detached payload, which is signed in base64url or, by RFC 7797, as it is.
pub(crate) fn write_detached(
    algorithm: JwsAlgorithm,
    parameters: &[(&str, &str)],
    payload: &[u8],
    encodes_payload: bool,
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<String> {
    let header = header(algorithm, parameters, encodes_payload);
    let mut signed = format!("{header}.").into_bytes();
    if encodes_payload {
        signed.extend_from_slice(BASE64.encode(payload).as_bytes());
    } else {
        signed.extend_from_slice(payload);
    }
    Some(format!("{header}..{}", BASE64.encode(&sign(&signed)?)))
}

fn header(algorithm: JwsAlgorithm, parameters: &[(&str, &str)], encodes_payload: bool) -> String {
    let mut header = Map::new();
    header.insert("alg".to_owned(), algorithm.name().into());
    if !encodes_payload {
        header.insert("b64".to_owned(), false.into());
        header.insert("crit".to_owned(), vec!["b64"].into());
    }
    header.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    BASE64.encode(Value::Object(header).to_string().as_bytes())
}

const BASE64: Encoding = Encoding::Base64UrlUnpadded;
