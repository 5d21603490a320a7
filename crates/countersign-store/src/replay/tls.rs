//! How a server proves who it is.

use std::{error::Error, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Believes the authorities of Mozilla's list.
pub(super) fn of_public_roots(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    config(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, protocols)
}

/// Believes the authorities of a PEM text, and nobody else; `None` if there is none in it, or one that cannot be read.
pub(super) fn of_pem(pem: &str, protocols: &[&[u8]]) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then(|| config(roots, protocols))
}

fn config(roots: RootCertStore, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    // The provider is named, since there may be several in the program and then no default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(clippy::expect_used, reason = "this provider has both versions of TLS")]
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// Whether a connection failed because the server did not prove who it is, so that another attempt would too.
pub(super) fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    // What `io::Error` wraps is not among its sources.
    let inner =
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|inner| inner as &(dyn Error + 'static));
    match inner.unwrap_or(error).downcast_ref::<rustls::Error>() {
        Some(error) => matches!(error, rustls::Error::InvalidCertificate(_)),
        None => error.source().is_some_and(is_distrust),
    }
}
