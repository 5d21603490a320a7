//! Certificate chains: the key of a certificate, and its time of validity.

use x509_cert::{Certificate, der::Decode as _};

use super::{KeyError, KeyPolicy, PublicKey, armour};
use crate::timestamp::Timestamp;

/// A certificate and its issuers, with the leaf first, in the order of RFC 8446 section 4.4.2.
#[cfg_attr(not(feature = "certificates"), expect(dead_code, reason = "chains are judged with the feature alone"))]
pub(crate) struct CertificateChain {
    /// The key of the leaf.
    pub(crate) key: PublicKey,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) leaf: Vec<u8>,
    pub(crate) issuers: Vec<Vec<u8>>,
}

/// The most certificates of a chain.
const MAX_CHAIN: usize = 8;

impl CertificateChain {
    /// Reads certificates in PEM, without checking them.
    pub(crate) fn from_pem(text: &str, policy: KeyPolicy) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { format: "an X.509 certificate" };
        let mut blocks = armour::blocks(text)?;
        if blocks.iter().any(|block| block.label != "CERTIFICATE") {
            return Err(KeyError::Unsupported { what: "only certificates are expected here" });
        }
        if blocks.len() > MAX_CHAIN {
            return Err(KeyError::Several);
        }
        let leaf = blocks.remove(0).der.to_vec();
        let key = super::parse::certificate(&leaf, policy)?;
        let certificate = Certificate::from_der(&leaf).map_err(malformed)?;
        let validity = certificate.tbs_certificate().validity();
        let at = |time: x509_cert::time::Time| {
            Timestamp::from_unix_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
        };
        let (not_before, not_after) = (at(validity.not_before), at(validity.not_after));
        let issuers = blocks.into_iter().map(|block| block.der.to_vec()).collect();
        Ok(Self { key, not_before, not_after, leaf, issuers })
    }
}

/// The DER of the certificates in a PEM text; an error if it has anything else.
#[cfg(feature = "certificates")]
pub(crate) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
    let blocks = armour::blocks(text)?;
    if blocks.iter().any(|block| block.label != "CERTIFICATE") {
        return Err(KeyError::Unsupported { what: "only certificates are expected here" });
    }
    Ok(blocks.iter().map(|block| block.der.to_vec()).collect())
}
