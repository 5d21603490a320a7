import { createHmac } from 'node:crypto';
import '@shopify/shopify-api/adapters/node';
import { shopifyApi } from '@shopify/shopify-api';

const apps = new Map();

/// The SDK, configured for an app with this client secret.
function app(secret) {
  if (!apps.has(secret)) {
    apps.set(secret, shopifyApi({
      apiKey: 'key',
      apiSecretKey: secret,
      apiVersion: '2026-01',
      hostName: 'hooks.example.com',
      isEmbeddedApp: true,
      logger: { log: () => {} },
    }));
  }
  return apps.get(secret);
}

export default {
  // The SDK does not sign; this is what Shopify's page shows.
  sign: ({ secret, body }) => [['X-Shopify-Hmac-Sha256', createHmac('sha256', secret).update(body).digest('base64')]],
  async verify({ secret, headers, method, url, body }) {
    const request = { headers, method, url };
    const { valid, reason, missingHeaders = '' } =
      await app(secret).webhooks.validate({ rawBody: body.toString(), rawRequest: request });
    if (!valid) throw new Error(`${reason} ${missingHeaders}`);
    return true;
  },
};
