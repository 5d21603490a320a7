import { Webhook } from 'svix';

export default {
  sign: ({ secret, timestamp, id, body }) => [
    ['svix-id', id],
    ['svix-timestamp', `${timestamp}`],
    ['svix-signature', new Webhook(secret).sign(id, new Date(timestamp * 1000), body)],
  ],
  verify({ secret, headers, body }) {
    try {
      new Webhook(secret).verify(body, headers);
    } catch (error) {
      // The signature was right, and the body is not JSON.
      if (!(error instanceof SyntaxError)) throw error;
    }
    return true;
  },
};
