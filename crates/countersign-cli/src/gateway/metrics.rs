//! Serves metrics and `/healthz` on a listener of their own.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign_tower::metrics::{
    BODY_BYTES, CONNECTIONS, CONNECTIONS_CAPACITY, HANDLER_SECONDS, VERIFY_SECONDS, describe, record_store,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{
    Store,
    endpoint::empty,
    places::{PlaceGuard, Places},
    reload::State,
};
use crate::failure::Failure;

/// The metrics, and what they are read from.
pub(crate) struct MetricsServer {
    handle: PrometheusHandle,
    state: Arc<State>,
    store: Arc<Store>,
    places: Places,
}

/// Installs the recorder of this process, which counts from now on.
pub(crate) fn install() -> Result<PrometheusHandle, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("cannot set up metrics: {error}"));
    let buckets = [(BODY_BYTES, &BYTES[..]), (VERIFY_SECONDS, &SECONDS[..]), (HANDLER_SECONDS, &SECONDS[..])];
    // Every gauge is set at each scrape. One that is not set then, such as the age of a list that the configuration no
    // longer has, disappears, so that nobody is alerted.
    let builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(Duration::from_secs(1)));
    let builder = buckets.into_iter().try_fold(builder, |builder, (name, buckets)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
    });
    let recorder = builder.map_err(|error| failed(&error))?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| failed(&error))?;
    describe();
    Ok(handle)
}

impl MetricsServer {
    pub(crate) fn new(handle: PrometheusHandle, state: Arc<State>, store: Arc<Store>, places: Places) -> Self {
        Self { handle, state, store, places }
    }

    /// Serves the metrics on this listener for as long as it is polled.
    pub(crate) async fn serve(self, listener: TcpListener) {
        // Idle connections make room for new ones, so that a health probe need not wait for them.
        let (shown, places) = (Arc::new(self), Places::new(MAX_CONNECTIONS));
        tokio::spawn(keep_up(shown.handle.clone()));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (shown, place) = (Arc::clone(&shown), PlaceGuard(places.take().await));
            tokio::spawn(async move {
                tokio::select! {
                    () = place.0.evicted() => {}
                    // Every scrape opens a connection of its own.
                    _ = timeout(CONNECTION_TIME, shown.connection(stream)) => {}
                }
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let answer = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        match request.uri().path() {
            "/healthz" => text("ok\n".to_owned()),
            "/metrics" => text(self.render()),
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn render(&self) -> String {
        self.state.record();
        if let Store::Memory(store) = &*self.store {
            record_store("memory", store);
        }
        let (open, capacity) = self.places.taken();
        #[expect(clippy::cast_precision_loss, reason = "there are a few hundred")]
        {
            metrics::gauge!(CONNECTIONS).set(open as f64);
            metrics::gauge!(CONNECTIONS_CAPACITY).set(capacity as f64);
        }
        self.handle.render()
    }
}

/// Sorts measurements into buckets regularly, so that they take no memory while nobody scrapes.
async fn keep_up(handle: PrometheusHandle) {
    loop {
        sleep(Duration::from_secs(5)).await;
        handle.run_upkeep();
    }
}

fn text(text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

const BYTES: [f64; 8] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];
const SECONDS: [f64; 12] = [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];
/// A scraper needs one connection.
const MAX_CONNECTIONS: usize = 16;
const CONNECTION_TIME: Duration = Duration::from_secs(10);
