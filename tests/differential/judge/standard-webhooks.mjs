import { Webhook } from 'standardwebhooks';

export default {
  sign: ({ secret, timestamp, id, body }) => [
    ['webhook-id', id],
    ['webhook-timestamp', `${timestamp}`],
    ['webhook-signature', new Webhook(secret).sign(id, new Date(timestamp * 1000), body)],
  ],
  verify({ secret, headers, body }) {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  },
};
