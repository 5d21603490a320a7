import { sign, verify } from '@octokit/webhooks-methods';

export default {
  sign: async ({ secret, body }) => [['X-Hub-Signature-256', await sign(secret, body.toString())]],
  verify: ({ secret, headers, body }) => verify(secret, body.toString(), headers['x-hub-signature-256']),
};
