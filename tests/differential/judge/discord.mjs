import { createPrivateKey, sign } from 'node:crypto';
import { verifyKey } from 'discord-interactions';

export default {
  // The SDK does not sign. `secret` is the private key here: 32 bytes in hex, behind the head of PKCS#8.
  sign({ secret, timestamp, body }) {
    const der = Buffer.from(`302e020100300506032b657004220420${secret}`, 'hex');
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const signed = Buffer.concat([Buffer.from(`${timestamp}`), body]);
    return [
      ['X-Signature-Ed25519', sign(null, signed, key).toString('hex')],
      ['X-Signature-Timestamp', `${timestamp}`],
    ];
  },
  // As `verifyKeyMiddleware` does it, up to the parsing of the JSON.
  verify({ secret, headers, body }) {
    const [timestamp, signature] = [headers['x-signature-timestamp'], headers['x-signature-ed25519']];
    if (!timestamp || !signature) throw new Error('a header is missing');
    return verifyKey(body, signature, timestamp, secret);
  },
};
