//! An HTTP and HTTPS client for deliveries and lists of addresses.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use ureq::{Agent, Proxy};

/// What a receiver answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
}

/// Sends one request after the other, over one connection if possible. It follows no redirects, as providers do not.
pub(crate) struct Client {
    agent: Agent,
}

impl Client {
    /// A client for one host. It uses the proxy of the environment unless the host is this machine.
    pub(crate) fn to(host: &str) -> Self {
        let here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(if here { None } else { Proxy::try_from_env() })
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_global(Some(ANSWER_TIME))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into() }
    }

    /// Fetches a URL. It is an error if the answer is not 200 or has more than `most_bytes`.
    pub(crate) fn get(&self, url: &Uri, most_bytes: usize) -> Result<Vec<u8>, String> {
        let response = self.agent.get(url).call().map_err(|error| error.to_string())?;
        match response.status() {
            StatusCode::OK => {}
            status => return Err(format!("the server answered {status}")),
        }
        let body = response.into_body().into_with_config().limit(most_bytes as u64).read_to_vec();
        body.map_err(|error| error.to_string())
    }

    /// Sends a request and waits for the status. The error says why there is none.
    pub(crate) fn send(&self, request: Request<Bytes>) -> Result<Answer, String> {
        let mut request = request.map(|body| body.to_vec());
        if request.body().len() > EXPECT_CONTINUE_ABOVE {
            // So a receiver can refuse a large body before it is sent.
            request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        }
        let started = Instant::now();
        let response = self.agent.run(request).map_err(|error| error.to_string())?;
        let took = started.elapsed();
        let status = response.status();
        // The connection can be used again only when the answer has been read.
        let _ = response.into_body().with_config().limit(MAX_ANSWER).read_to_vec();
        Ok(Answer { status, took })
    }
}

const CONNECT_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// In bytes.
const EXPECT_CONTINUE_ABOVE: usize = 60 * 1024;
/// In bytes.
const MAX_ANSWER: u64 = 64 * 1024;
