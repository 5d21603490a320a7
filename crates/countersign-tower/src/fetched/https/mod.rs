//! `HttpsFetch`: one GET over HTTPS, on a connection of its own.

mod cache_control;
mod connect;
mod public;

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign::{KeyAddress, TrustRoots};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use self::connect::{Connector, Driver};
use super::{Fetch, FetchError, Fetched};
use crate::verify::Confirm;

/// Fetches keys over HTTPS, and the URLs by which subscriptions are [confirmed](Confirm).
///
/// It speaks TLS 1.2 and 1.3, and trusts the authorities of Mozilla's list. It follows no redirect, uses no proxy, keeps no
/// cookie, and decodes no content coding. It reads at most 64 KiB and connects within 3 s. It connects to public addresses
/// only: a name that resolves to an address inside your network is an error.
#[derive(Clone)]
pub struct HttpsFetch {
    roots: RootCertStore,
    connector: Connector,
    document_limit: usize,
    bearer: Option<HeaderValue>,
}

/// The largest document, in bytes.
const DOCUMENT_LIMIT: usize = 64 * 1024;

/// The largest head of an answer, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;

/// The authorities of Mozilla's list, for the certificate chains that [`FetchedKeys`](crate::FetchedKeys) fetches.
pub fn public_roots() -> TrustRoots {
    webpki_roots::TLS_SERVER_ROOTS.iter().fold(TrustRoots::none(), |roots, anchor| {
        roots.with_anchor(&anchor.subject, &anchor.subject_public_key_info, anchor.name_constraints.as_deref())
    })
}

impl HttpsFetch {
    /// A client with the defaults that the type's docs list.
    pub fn new() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let connector = Connector::new(config(&roots));
        Self { roots, connector, document_limit: DOCUMENT_LIMIT, bearer: None }
    }

    /// Trusts the authorities of a PEM text in addition to Mozilla's, such as your company's own.
    ///
    /// # Errors
    ///
    /// If the text has no certificate, or one that cannot be read.
    pub fn with_extra_root_pem(mut self, pem: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "expected certificates in PEM");
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            self.roots.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong());
        }
        self.connector = self.connector.with_config(config(&self.roots));
        Ok(self)
    }

    /// Gives up a connection after `timeout`, from the DNS lookup to the end of the TLS handshake; 3 s unless this says otherwise.
    ///
    /// # Panics
    ///
    /// If `timeout` is zero: every connection would fail.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "a connect timeout of zero fails every connection: allow some time");
        self.connector = self.connector.with_timeout(timeout);
        self
    }

    /// Reads documents of up to `bytes` bytes. Above 64 KiB this has no effect on keys: a longer document of keys is refused.
    #[must_use]
    pub fn with_document_limit(mut self, bytes: usize) -> Self {
        self.document_limit = bytes;
        self
    }

    /// Sends this credential as `Authorization: Bearer` when keys are fetched, for a provider that demands one
    /// ([`KeySource::bearer`](countersign::scheme::KeySource::bearer)).
    ///
    /// # Errors
    ///
    /// If it is empty, or has characters other than visible ASCII.
    pub fn with_bearer(mut self, credential: &str) -> io::Result<Self> {
        let wrong = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the credential is empty, or has characters other than visible ASCII",
            )
        };
        if credential.is_empty() || !credential.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut value = HeaderValue::try_from(format!("Bearer {credential}")).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.bearer = Some(value);
        Ok(self)
    }

    /// Connects to this address instead of those of `host`, public or not: for servers of your own, such as those of tests.
    ///
    /// Dangerous if the address is not yours. The server must still prove that it is `host`, but it may be a server inside your
    /// network that requests from outside must not reach.
    #[must_use]
    pub fn dangerous_connect_to(mut self, host: &str, address: std::net::SocketAddr) -> Self {
        self.connector = self.connector.pinned(host, address);
        self
    }

    async fn get(&self, url: &str, bearer: Option<&HeaderValue>) -> Result<Fetched, FetchError> {
        let uri: Uri = url.parse().map_err(FetchError::failed)?;
        let host = uri.host().ok_or_else(|| FetchError::failed("the URL has no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(FetchError::failed("the URL is not https"));
        }
        let stream = self.connector.connect(host, uri.port_u16().unwrap_or(443)).await.map_err(FetchError::failed)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_LIMIT);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(FetchError::failed)?;
        let _driver = Driver::spawn(connection);
        let response = sender.send_request(request(&uri, bearer)?).await.map_err(FetchError::failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::NotThere),
            status => return Err(FetchError::failed(format!("the server answered {status}, not 200"))),
        }
        let (head, body) = response.into_parts();
        if head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(FetchError::failed("the answer has a content coding, although the request asked for none"));
        }
        let document = Limited::new(body, self.document_limit).collect().await.map_err(FetchError::failed)?.to_bytes();
        Ok(Fetched { document, max_age: cache_control::max_age(&head.headers) })
    }
}

fn request(uri: &Uri, bearer: Option<&HeaderValue>) -> Result<Request<Empty<Bytes>>, FetchError> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let mut request = Request::get(target)
        .header(header::HOST, host)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
    if let Some(bearer) = bearer {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    request.body(Empty::new()).map_err(FetchError::failed)
}

fn config(roots: &RootCertStore) -> Arc<ClientConfig> {
    // Named, because a program with several crypto providers has no default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(clippy::expect_used, reason = "this provider has both versions of TLS")]
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions");
    let mut config = builder.with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

impl Default for HttpsFetch {
    fn default() -> Self {
        Self::new()
    }
}

impl Fetch for HttpsFetch {
    async fn fetch(&self, address: &KeyAddress) -> Result<Fetched, FetchError> {
        self.get(address.url(), self.bearer.as_ref()).await
    }
}

impl Confirm for HttpsFetch {
    type Error = FetchError;

    async fn confirm(&self, url: &str) -> Result<(), FetchError> {
        // The credential is for the keys' URLs only, not for a URL that a delivery names.
        self.get(url, None).await.map(drop)
    }
}

impl fmt::Debug for HttpsFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsFetch").field("document_limit", &self.document_limit).finish_non_exhaustive()
    }
}
