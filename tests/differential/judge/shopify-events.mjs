import shopify from './shopify.mjs';

export default {
  ...shopify,
  sign: (request) => shopify.sign(request).map(([, tag]) => ['Shopify-Hmac-Sha256', tag]),
};
