import { json } from './twilio.mjs';

export default json('HMAC_SHA1');
