//! TLS: which root certificates a server's certificate must lead to.

use std::{error::Error, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Trusts the roots of Mozilla's list.
pub(super) fn with_public_roots(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    config(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, protocols)
}

/// Trusts only the certificates of a PEM text. `None` if it has none, or one that cannot be read.
pub(super) fn with_only_root_pem(pem: &str, protocols: &[&[u8]]) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then(|| config(roots, protocols))
}

fn config(roots: RootCertStore, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    // Named explicitly: if a program has several providers, there is no default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(clippy::expect_used, reason = "ring supports both versions of TLS")]
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// Whether a connection failed because the server's certificate is not valid. Another attempt would fail as well.
pub(super) fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    // `io::Error::source` skips the error that it wraps.
    let inner =
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|inner| inner as &(dyn Error + 'static));
    match inner.unwrap_or(error).downcast_ref::<rustls::Error>() {
        Some(error) => matches!(error, rustls::Error::InvalidCertificate(_)),
        None => error.source().is_some_and(is_untrusted),
    }
}
