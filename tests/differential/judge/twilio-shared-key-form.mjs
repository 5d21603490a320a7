import { form } from './twilio.mjs';

export default form('HMAC_SHA256');
