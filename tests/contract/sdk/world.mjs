// SPDX-License-Identifier: Apache-2.0
// What the tests of the vendor's SDK share. RELACE_BASE_URL and RELACE_API_KEY say where the local server is, as they do
// for any program that uses the SDK.
import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import net from 'node:net';
import Relace from '@relace-ai/relace';

export { Relace, assert };

globalThis.File ??= File; // the SDK looks there; Node 18 has it elsewhere

export const client = new Relace();
export const UNKNOWN = '00000000-0000-4000-8000-000000000000';
export const HEAD = /^[0-9a-f]{40}$/;

// A list of {filename, content} from {name: content}.
export function files(byName) {
  return Object.entries(byName).map(([filename, content]) => ({ filename, content }));
}

// A new repo with these files; its id and head.
export async function create(byName, more = {}) {
  return client.repo.create({ source: { type: 'files', files: files(byName) }, ...more });
}

// {name: content} of a repo, by the clone as JSON.
export async function contents(id, query) {
  const { files } = await client.repo.clone(id, query);
  return Object.fromEntries(files.map((file) => [file.filename, file.content]));
}

export async function diff(id, ...operations) {
  return client.repo.update(id, { source: { type: 'diff', operations } });
}

// Rejects with exactly this class of the SDK, status, and words in the message; returns the error.
export async function fails(promise, type, status, words) {
  let error;
  await assert.rejects(promise, (e) => ((error = e), true));
  assert.equal(error.constructor, type, `${error.constructor.name}: ${error.message}`);
  assert.equal(error.status, status);
  if (status) assert.equal(error.message, `${status} ${error.error.message}`); // one text for people, not a dump of JSON
  if (words) assert.match(error.message, words);
  return error;
}

// Calls use(url) while a peer takes connections and never answers.
export async function withSilentPeer(use) {
  const sockets = new Set();
  const server = net.createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  try {
    await use(`http://127.0.0.1:${server.address().port}/v1`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

// A fetch that notes what is sent: {method, url, headers, body} of each attempt.
export function noting(seen, answer = fetch) {
  return (url, init) => {
    seen.push({ method: init.method, url: String(url), headers: init.headers, body: init.body });
    return answer(url, init);
  };
}
