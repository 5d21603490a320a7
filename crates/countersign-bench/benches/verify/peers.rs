//! Other crates that verify the same requests.

use std::error::Error;

use countersign::providers;
use countersign_bench::Group;
use webhook_verify::{Provider, VerifyOptions};

use crate::endpoint::{Endpoint, Request};

/// Adds the crates that support the endpoint's provider.
pub(crate) fn add<'a>(
    mut group: Group<'a>,
    endpoint: &Endpoint,
    request: &'a Request,
) -> Result<Group<'a>, Box<dyn Error>> {
    let Request { head, body } = request;
    let provider = match endpoint.provider {
        providers::GITHUB => Provider::GitHub,
        providers::STRIPE => Provider::Stripe,
        providers::SLACK => Provider::Slack,
        _ => Provider::StandardWebhooks,
    };
    let secret = webhook_verify::Secret::new(endpoint.secret);
    let judge = move || webhook_verify::verify(provider, &head.headers, body, &secret, VerifyOptions::default());
    judge()?;
    group = group.case("webhook-verify", judge);
    if provider == Provider::StandardWebhooks {
        let standard = standardwebhooks::Webhook::new(endpoint.secret)?;
        let svix = svix::webhooks::Webhook::new(endpoint.secret)?;
        standard.verify(body, &head.headers)?;
        svix.verify(body, &head.headers)?;
        group = group
            .case("standardwebhooks", move || standard.verify(body, &head.headers))
            .case("svix", move || svix.verify(body, &head.headers));
    }
    Ok(group)
}
