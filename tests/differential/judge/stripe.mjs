import Stripe from 'stripe';

const { webhooks } = Stripe;

export default {
  sign: ({ secret, timestamp, body }) => [
    ['Stripe-Signature', webhooks.generateTestHeaderString({ payload: body.toString(), secret, timestamp })],
  ],
  // Behind this, `constructEvent` only parses the JSON.
  verify: ({ secret, headers, body, now }) =>
    webhooks.signature.verifyHeader(body, headers['stripe-signature'], secret, undefined, undefined, now),
};
