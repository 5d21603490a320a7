//! Trusted roots, and the check of fetched certificates against them and the clock.

use std::fmt;

use crate::public_key::KeyError;
#[cfg(feature = "public-key")]
use crate::{public_key::CertificateChain, timestamp::Timestamp};

/// The trusted certificate authorities; none by default. Revocation is not checked, neither by lists (CRL) nor by OCSP.
///
/// Needs the feature `certificates`; without it, there are no authorities to trust.
#[derive(Clone, Default)]
pub struct TrustRoots {
    #[cfg(feature = "certificates")]
    anchors: Vec<rustls_pki_types::TrustAnchor<'static>>,
}

/// Why a certificate is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its chain breaks a rule of RFC 5280: a signature, a constraint, a purpose.
    Chain,
    /// It has expired.
    Expired,
    /// This build cannot check chains: the feature `certificates` is off.
    FeatureOff,
    /// It was issued to another name than the scheme requires.
    Name,
    /// It is not valid yet.
    NotYetValid,
    /// No trusted root has issued it.
    UnknownIssuer,
}

impl TrustRoots {
    /// No authority. Only certificates without a chain, which are trusted for their URL, are accepted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the certificates in a PEM text, such as that of an authority of your own.
    ///
    /// # Errors
    ///
    /// If it contains anything but certificates, or the feature `certificates` is off.
    pub fn with_pem(mut self, text: &str) -> Result<Self, KeyError> {
        self.add_pem(text)?;
        Ok(self)
    }

    #[cfg(feature = "certificates")]
    fn add_pem(&mut self, text: &str) -> Result<(), KeyError> {
        let malformed = KeyError::Malformed { format: "the certificate of an authority" };
        for der in crate::public_key::certificates(text)? {
            let der = rustls_pki_types::CertificateDer::from(der);
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| malformed.clone())?;
            self.anchors.push(anchor.to_owned());
        }
        Ok(())
    }

    #[cfg(not(feature = "certificates"))]
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the same shape as with the feature")]
    fn add_pem(&mut self, _: &str) -> Result<(), KeyError> {
        Err(KeyError::FeatureOff { kind: "authorities", feature: "certificates" })
    }

    /// Adds an authority by its parts, each in DER, as lists of roots such as `webpki-roots` have them: the value of
    /// its subject, of its `SubjectPublicKeyInfo`, and of its name constraints if there are any.
    #[cfg(feature = "certificates")]
    pub fn with_anchor(mut self, subject: &[u8], spki: &[u8], name_constraints: Option<&[u8]>) -> Self {
        self.anchors.push(rustls_pki_types::TrustAnchor {
            subject: subject.to_vec().into(),
            subject_public_key_info: spki.to_vec().into(),
            name_constraints: name_constraints.map(|constraints| constraints.to_vec().into()),
        });
        self
    }

    /// Checks a certificate's validity. Also its chain, if it has one or must be issued to a name; and that name.
    #[cfg(feature = "public-key")]
    pub(crate) fn judge(
        &self,
        chain: &CertificateChain,
        issued_to: Option<&str>,
        now: Timestamp,
    ) -> Result<(), CertificateProblem> {
        if now < chain.not_before {
            return Err(CertificateProblem::NotYetValid);
        }
        if chain.not_after < now {
            return Err(CertificateProblem::Expired);
        }
        if chain.issuers.is_empty() && issued_to.is_none() {
            return Ok(());
        }
        self.judge_chain(chain, issued_to, now)
    }

    #[cfg(feature = "certificates")]
    fn judge_chain(
        &self,
        chain: &CertificateChain,
        issued_to: Option<&str>,
        now: Timestamp,
    ) -> Result<(), CertificateProblem> {
        use std::time::Duration;

        use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
        use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

        let leaf = CertificateDer::from(chain.leaf.as_slice());
        let issuers: Vec<_> = chain.issuers.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let leaf = EndEntityCert::try_from(&leaf).map_err(|_| CertificateProblem::Chain)?;
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        // A sender that signs with a certificate for a domain uses that of a TLS server.
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.anchors,
            &issuers,
            time,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(|error| problem(&error))?;
        match issued_to.map(ServerName::try_from) {
            None => Ok(()),
            Some(Ok(name)) => leaf.verify_is_valid_for_subject_name(&name).map_err(|_| CertificateProblem::Name),
            Some(Err(_)) => Err(CertificateProblem::Name),
        }
    }

    #[cfg(all(feature = "public-key", not(feature = "certificates")))]
    #[expect(clippy::unused_self, reason = "the same shape as with the feature")]
    fn judge_chain(&self, _: &CertificateChain, _: Option<&str>, _: Timestamp) -> Result<(), CertificateProblem> {
        Err(CertificateProblem::FeatureOff)
    }
}

#[cfg(feature = "certificates")]
fn problem(error: &webpki::Error) -> CertificateProblem {
    match error {
        webpki::Error::UnknownIssuer => CertificateProblem::UnknownIssuer,
        webpki::Error::CertExpired { .. } => CertificateProblem::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateProblem::NotYetValid,
        _ => CertificateProblem::Chain,
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "certificates")]
        let count = self.anchors.len();
        #[cfg(not(feature = "certificates"))]
        let count = 0;
        write!(f, "TrustRoots({count})")
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "the certificate's chain is broken",
            Self::Expired => "the certificate, or that of an issuer, has expired",
            Self::FeatureOff => {
                "this build cannot judge chains: turn on the feature `certificates` of the crate countersign"
            }
            Self::Name => "the certificate was not issued to the name that the scheme expects",
            Self::NotYetValid => "the certificate, or that of an issuer, is not valid yet",
            Self::UnknownIssuer => "no trusted authority issued the certificate",
        })
    }
}
