//! Writes tokens, for the signer.

use serde_json::{Map, Value};

use super::JwsAlgorithm;
use crate::encoding::Encoding;

/// Writes a JWS with its payload inside. `sign` is given what is signed, and answers `None` if it cannot.
///
/// The parameters stand in the header behind `alg`; `kid` and `typ` are among them if they are wanted.
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

/// Writes a JWS whose payload stays outside; it is signed in base64url or, by RFC 7797, as it is.
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
