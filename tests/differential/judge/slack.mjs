import { createHmac } from 'node:crypto';
import bolt from '@slack/bolt';

export default {
  // The SDK does not sign; this is what Slack's page shows.
  sign: ({ secret, timestamp, body }) => [
    ['X-Slack-Signature', `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`],
    ['X-Slack-Request-Timestamp', `${timestamp}`],
  ],
  // As `parseAndVerifyHTTPRequest` calls it: the time as a number, the body as text.
  verify({ secret, headers, body, now }) {
    bolt.verifySlackRequest({
      signingSecret: secret,
      body: body.toString(),
      headers: {
        'x-slack-signature': single(headers['x-slack-signature']),
        'x-slack-request-timestamp': Number(single(headers['x-slack-request-timestamp'])),
      },
      nowMilliseconds: now,
    });
    return true;
  },
};

function single(value) {
  if (value === undefined) throw new Error('header is missing');
  return value;
}
