//! An HTTPS server that answers as a test says, and counts its requests.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// An authority of this test alone.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What the server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// 200 and this body, with these header lines.
    Document(String, String),
    /// This status line and header lines, and no body.
    Status(String),
    /// One byte each 50 ms, for ever.
    Drip,
    /// An endless head.
    EndlessHead,
    /// A body of this length, chunked, so that nobody is told how long it is.
    Large(usize),
    /// Closes the connection without a word.
    Hang,
    /// Bytes that are no HTTP.
    Garbage,
}

impl Reply {
    pub fn document(text: impl Into<String>) -> Self {
        Self::Document(text.into(), String::new())
    }

    pub fn with_max_age(text: impl Into<String>, seconds: u64) -> Self {
        Self::Document(text.into(), format!("Cache-Control: max-age={seconds}\r\n"))
    }
}

pub struct Server {
    pub address: SocketAddr,
    replies: Arc<Mutex<Reply>>,
    requests: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    delay: Arc<Mutex<Duration>>,
}

impl Server {
    /// A server that proves to be any of these hosts.
    pub async fn start(authority: &Authority, hosts: &[&str], reply: Reply) -> Self {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let certificate = CertificateParams::new(hosts).unwrap().signed_by(&key, authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            replies: Arc::new(Mutex::new(reply)),
            requests: Arc::default(),
            heads: Arc::default(),
            delay: Arc::default(),
        };
        server.accept(listener, TlsAcceptor::from(Arc::new(config)));
        server
    }

    fn accept(&self, listener: TcpListener, acceptor: TlsAcceptor) {
        let (replies, requests, heads, delay) =
            (Arc::clone(&self.replies), Arc::clone(&self.requests), Arc::clone(&self.heads), Arc::clone(&self.delay));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, replies, requests) = (acceptor.clone(), Arc::clone(&replies), Arc::clone(&requests));
                let (heads, delay) = (Arc::clone(&heads), Arc::clone(&delay));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    requests.fetch_add(1, Ordering::SeqCst);
                    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                    let pause = *delay.lock().unwrap();
                    tokio::time::sleep(pause).await;
                    let reply = replies.lock().unwrap().clone();
                    // Clients hang up when they have had enough.
                    let _ = answer(&mut stream, reply).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
    }

    pub fn reply(&self, reply: Reply) {
        *self.replies.lock().unwrap() = reply;
    }

    /// Answers only after this time.
    pub fn delay(&self, time: Duration) {
        *self.delay.lock().unwrap() = time;
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().unwrap().clone()
    }
}

async fn answer(stream: &mut (impl AsyncWriteExt + Unpin), reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Document(body, headers) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await
        }
        Reply::Status(lines) => {
            stream.write_all(format!("HTTP/1.1 {lines}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await
        }
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Reply::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await?;
            }
        }
        Reply::Large(bytes) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            for _ in 0..bytes / 1024 {
                stream.write_all(b"400\r\n").await?;
                stream.write_all(&[b' '; 1024]).await?;
                stream.write_all(b"\r\n").await?;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        Reply::Hang => Ok(()),
        Reply::Garbage => stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await,
    }
}
