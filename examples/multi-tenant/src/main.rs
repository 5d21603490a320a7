//! Serves many tenants on one route. Each has its own secret, which is looked up when its first delivery arrives.
//! Run with
//! `cargo run -p example-multi-tenant`, then sign a request to it with
//! `SECRET=the-secret-of-acme countersign send github --secret-env SECRET --to http://127.0.0.1:3000/hooks/acme --data '{}'`.

use std::{collections::HashMap, env, error::Error, sync::Arc};

use axum::{Extension, Router, extract::Path, routing::post};
use countersign_tower::{
    KeyResolver, Stack, StackError, TenantKeys,
    countersign::{ConfigError, Delivery, Verifier, providers},
};
use http::request::Parts;
use tokio::{net::TcpListener, sync::RwLock};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let secrets = HashMap::from([("acme".to_owned(), "the-secret-of-acme".to_owned())]);
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}/hooks/{{tenant}}", listener.local_addr()?);
    axum::serve(listener, app(Database { secrets: Arc::new(RwLock::new(secrets)) })?).await?;
    Ok(())
}

fn app(database: Database) -> Result<Router, StackError> {
    let stack = Stack::new("hooks", TenantKeys::new(database))?;
    Ok(Router::new().route("/hooks/{tenant}", post(handle)).layer(stack))
}

/// Runs for verified deliveries only: `tenant` is the tenant whose secret made the signature.
async fn handle(Path(tenant): Path<String>, Extension(delivery): Extension<Delivery>) {
    println!("{tenant}: {} bytes from {}", delivery.body().len(), delivery.provider());
}

/// Your database or vault, here a map.
#[derive(Clone)]
struct Database {
    secrets: Arc<RwLock<HashMap<String, String>>>,
}

impl KeyResolver for Database {
    type Tenant = String;
    type Error = ConfigError;

    fn tenant(&self, head: &Parts) -> Option<String> {
        // Attackers choose the path, so its length is limited before it becomes a key of the cache.
        let name = head.uri.path().strip_prefix("/hooks/")?;
        (name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
            .then(|| name.to_owned())
    }

    async fn verifier(&self, tenant: &String) -> Result<Option<Verifier>, ConfigError> {
        match self.secrets.read().await.get(tenant) {
            Some(secret) => Verifier::new(providers::GITHUB, secret.as_str()).map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::body::Body;
    use countersign_tower::countersign::Signer;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;

    async fn status_of(tenant: &str, secret: &str) -> StatusCode {
        let secrets = ["one", "two"].map(|name| (name.to_owned(), format!("the-secret-of-{name}")));
        let app = app(Database { secrets: Arc::new(RwLock::new(HashMap::from(secrets))) }).unwrap();
        let request = Request::post(format!("/hooks/{tenant}")).body("{}").unwrap();
        let signed = Signer::new(providers::GITHUB, secret).unwrap().sign(request, SystemTime::now()).unwrap();
        app.oneshot(signed.map(Body::from)).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_tenant_is_verified_with_its_own_secret_alone() {
        assert_eq!(status_of("one", "the-secret-of-one").await, 200);
        assert_eq!(status_of("two", "the-secret-of-two").await, 200);
        assert_eq!(status_of("one", "the-secret-of-two").await, 401);
        assert_eq!(status_of("three", "the-secret-of-three").await, 401);
    }
}
