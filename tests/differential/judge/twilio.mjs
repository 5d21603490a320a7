// Code that the judges of Twilio's schemes share.

import { parse } from 'node:querystring';
import twilio from 'twilio';

/// A judge for deliveries whose body is a form.
export const form = (algorithm) => judge(algorithm, formOf);

/// A judge for deliveries in JSON, whose URL has the hash of the body.
export const json = (algorithm) => judge(algorithm, () => ({}));

/// As `twilio.webhook()` does it, behind a parser that keeps the raw body.
function judge(algorithm, parameters) {
  return {
    sign: ({ secret, url, body }) => [
      ['X-Twilio-Signature', twilio.getExpectedTwilioSignature(secret, url, parameters(body), algorithm)],
    ],
    verify({ secret, headers, url, body }) {
      if (!headers['x-twilio-signature']) throw new Error('No signature header error');
      const header = (name) => headers[name.toLowerCase()];
      const request = { header, body: parameters(body), rawBody: body.toString() };
      return twilio.validateExpressRequest(request, secret, { url, algorithm });
    },
  };
}

/// As `express.urlencoded()` parses it.
function formOf(body) {
  return parse(body.toString(), '&', '=', { maxKeys: 1000 });
}
