// Runs one SDK: `node main.mjs NAME`. Reads requests from standard input, and writes one line of JSON for each to
// standard output.
//
// A request is two lengths (unsigned, 32 bits, little endian), a JSON head of the first length, and a body of the
// second. In the head, each character of a header is one byte, as in Node's own server.

import { IncomingMessage } from 'node:http';

// What an SDK prints is for people. It must not mix with the answers.
console.log = console.info = console.warn = console.debug = () => {};

let now = 0;
Date.now = () => now;

const { default: sdk } = await import(`./${process.argv[2]}.mjs`);

let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = pending.length ? Buffer.concat([pending, chunk]) : chunk;
  const answers = [];
  for (let next = take(); next; next = take()) {
    answers.push(JSON.stringify(await answer(next.head, next.body)) + '\n');
  }
  process.stdout.write(answers.join(''));
}

function take() {
  if (pending.length < 8) return undefined;
  const [head, body] = [pending.readUInt32LE(0), pending.readUInt32LE(4)];
  if (pending.length < 8 + head + body) return undefined;
  const request = {
    head: JSON.parse(pending.toString('utf8', 8, 8 + head)),
    body: Buffer.from(pending.subarray(8 + head, 8 + head + body)),
  };
  pending = pending.subarray(8 + head + body);
  return request;
}

/// The answer to a request. For signing: the headers. For verifying: `true`, or the message of the refusal; one fitting
/// secret is enough.
async function answer(head, body) {
  now = head.now;
  const request = { ...head, body, headers: asNodeHandsThemOn(head.headers) };
  if (head.op === 'sign') return sdk.sign({ ...request, secret: head.secrets[0] });
  let refusal = 'no secret';
  for (const secret of head.secrets) {
    try {
      if (await sdk.verify({ ...request, secret })) return true;
      refusal = 'false';
    } catch (error) {
      refusal = `${error.name}: ${error.message}`.split('\n')[0];
    }
  }
  return refusal;
}

/// Names in lower case, white space around values removed, several lines of a name joined: the server's own code.
function asNodeHandsThemOn(lines) {
  const message = new IncomingMessage(null);
  const raw = lines.flatMap(([name, value]) => [name, value.replace(/^[ \t]+|[ \t]+$/g, '')]);
  message._addHeaderLines(raw, raw.length);
  return message.headers;
}
