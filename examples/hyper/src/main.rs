//! Verifies webhooks with plain hyper, without a framework. Run with
//! `GITHUB_WEBHOOK_SECRET=a-long-random-secret cargo run -p example-hyper`, then sign a request to it with
//! `GITHUB_WEBHOOK_SECRET=a-long-random-secret countersign send github --secret-env GITHUB_WEBHOOK_SECRET --to http://127.0.0.1:3000/ --data '{}'`.

use std::{convert::Infallible, env, error::Error};

use bytes::Bytes;
use countersign_tower::{
    Stack, VerifiedBody,
    countersign::{Delivery, Verifier, providers},
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let secret = env::var("GITHUB_WEBHOOK_SECRET").map_err(|_| "set GITHUB_WEBHOOK_SECRET to the webhook's secret")?;
    let stack = Stack::new("github", Verifier::new(providers::GITHUB, secret)?)?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, stack.clone()));
    }
}

/// Serves one connection. hyper has a timeout for the head, and the stack one for the body. All connections share the
/// replay guard.
async fn serve(stream: TcpStream, stack: Stack<Verifier>) {
    let service = stack.layer(service_fn(handle));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = connection.await {
        eprintln!("a connection ended early: {error}");
    }
}

/// Runs for verified requests only: a `VerifiedBody` exists only after verification.
async fn handle(request: Request<VerifiedBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(delivery) = request.extensions().get::<Delivery>() {
        let event = delivery.event_type().map(|event| event.to_string()).unwrap_or_default();
        println!("{} sent `{event}`, {} bytes", delivery.provider(), delivery.body().len());
    }
    Ok(Response::new(Full::default()))
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, time::SystemTime};

    use countersign_tower::countersign::Signer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Sends one request over a real connection and reads the status line.
    async fn status_of(request: Request<Bytes>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let verifier = Verifier::new(providers::GITHUB, "a-long-random-secret").unwrap();
        let server = tokio::spawn(serve(stream, Stack::new("github", verifier).unwrap()));

        let (head, body) = request.into_parts();
        let mut text = String::from("POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        write!(text, "content-length: {}\r\n", body.len()).unwrap();
        for (name, value) in &head.headers {
            write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        client.write_all((text + "\r\n").as_bytes()).await.unwrap();
        client.write_all(&body).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        server.await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn signed_with(secret: &str) -> Request<Bytes> {
        let signer = Signer::new(providers::GITHUB, secret).unwrap();
        signer.sign(Request::post("/").body("{}").unwrap(), SystemTime::now()).unwrap()
    }

    #[tokio::test]
    async fn a_signed_request_is_accepted_and_a_forged_one_is_not() {
        assert_eq!(status_of(signed_with("a-long-random-secret")).await, "HTTP/1.1 200 OK");
        assert_eq!(status_of(signed_with("another-secret")).await, "HTTP/1.1 401 Unauthorized");
        assert_eq!(status_of(Request::new(Bytes::from_static(b"{}"))).await, "HTTP/1.1 400 Bad Request");
    }
}
