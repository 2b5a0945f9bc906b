// SPDX-License-Identifier: Apache-2.0
// The client itself: options, raw answers, errors, retries, timeouts, requests that are not documented, logging.
import test from 'node:test';
import { HEAD, Relace, assert, client, create, fails, noting, withSilentPeer } from './world.mjs';

const withFetch = (fetch, more = {}) => client.withOptions({ fetch, ...more });

test('raw answers: asResponse and withResponse', async () => {
  const { repo_id } = await create({ a: '1' });
  const response = await client.repo.get(repo_id).asResponse();
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.equal((await response.json()).repo_id, repo_id);
  const both = await client.repo.get(repo_id).withResponse();
  assert.equal(both.data.repo_id, repo_id);
  assert.equal(both.response.headers.get('content-type'), response.headers.get('content-type'));
});

test('options: headers, query, derived clients', async () => {
  const seen = [];
  const defaultHeaders = { 'X-Relace-Team': 'a', 'X-Gone': '1' };
  const own = withFetch(noting(seen), { defaultHeaders, defaultQuery: { page_size: '1' } });
  const page = await own.repo.list(undefined, { headers: { 'X-Relace-Run': '7', 'X-Gone': null } });
  assert.ok(page.items.length <= 1);
  assert.match(seen[0].url, /[?]page_size=1$/);
  assert.equal(seen[0].headers.get('x-relace-team'), 'a');
  assert.equal(seen[0].headers.get('x-relace-run'), '7');
  assert.equal(seen[0].headers.get('x-gone'), null);
  assert.match(seen[0].headers.get('user-agent'), /^Relace\/JS 0\.6\.0$/);
  await fails(client.withOptions({ apiKey: 'rlc-wrong' }).repo.list(), Relace.AuthenticationError, 401);
  await client.withOptions({ baseURL: `${client.baseURL}/` }).repo.list(); // a slash at the end does no harm
});

test('requests that are not documented', async () => {
  const made = await client.post('/repo', { body: { metadata: { by: 'post' } } });
  assert.match(made.repo_head, HEAD);
  const page = await client.get('/repo', { query: { page_size: 1 } });
  assert.equal(page.items.length, 1);
  const written = await client.put(`/repo/${made.repo_id}/file/a`, { body: new Uint8Array([65]) });
  assert.deepEqual(written.changed_files, ['a']);
  assert.equal(await client.delete(`/repo/${made.repo_id}`), null);
  await fails(client.get('/_stainless_unknown_path'), Relace.NotFoundError, 404, /route/);
  await fails(client.patch('/repo'), Relace.APIError, 405);
});

test('the body of an error is readable', async () => {
  const error = await fails(client.get('/none'), Relace.NotFoundError, 404);
  assert.ok(error instanceof Relace.APIError && error instanceof Relace.RelaceError);
  assert.deepEqual(Object.keys(error.error).sort(), ['code', 'error', 'message']);
  assert.equal(error.error.code, 'not_found');
  assert.match(error.headers.get('content-type'), /json/);
});

test('JSON that is none', async () => {
  const headers = { 'content-type': 'application/json' };
  await fails(client.post('/repo', { body: '{"a"', headers }), Relace.BadRequestError, 400, /JSON/);
  await fails(client.post('/repo', { body: [1], headers }), Relace.UnprocessableEntityError, 422);
});

test('a connection that fails is tried again, in the end an error', async () => {
  const seen = [];
  let failures = 2;
  const flaky = withFetch(noting(seen, (...args) => {
    if (failures-- > 0) throw new TypeError('fetch failed');
    return fetch(...args);
  }));
  assert.ok((await flaky.repo.list({ page_size: 1 })).items);
  assert.deepEqual(seen.map((attempt) => attempt.headers.get('x-stainless-retry-count')), ['0', '1', '2']);
  const nobody = client.withOptions({ baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0 });
  const error = await fails(nobody.repo.list(), Relace.APIConnectionError, undefined);
  assert.ok(error.cause);
});

test('timeouts and aborts', async () => {
  await withSilentPeer(async (baseURL) => {
    const slow = client.withOptions({ baseURL, maxRetries: 0 });
    await fails(slow.repo.list({}, { timeout: 50 }), Relace.APIConnectionTimeoutError, undefined, /timed out/);
    const controller = new AbortController();
    const call = slow.repo.list({}, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await fails(call, Relace.APIUserAbortError, undefined, /aborted/);
  });
});

test('too many calls: 429 with what a client needs to wait', async () => {
  const limited = new Relace({ baseURL: process.env.LIMITED_URL, maxRetries: 0 });
  await limited.repo.list();
  const error = await fails(limited.repo.list(), Relace.RateLimitError, 429, /Rate limit/);
  const wait = Number(error.headers.get('retry-after'));
  assert.ok(wait >= 0 && wait <= 60);
  assert.equal(error.headers.get('x-ratelimit-limit'), '1');
  assert.equal(error.headers.get('x-ratelimit-remaining'), '0');
  assert.ok(Number(error.headers.get('x-ratelimit-reset')) > 1e9);
});

test('logging', async () => {
  const lines = [];
  const note = (level) => [level, (...words) => lines.push([level, ...words])];
  const logger = Object.fromEntries(['error', 'warn', 'info', 'debug'].map(note));
  const logged = client.withOptions({ logger, logLevel: 'debug' });
  await logged.repo.list({ page_size: 1 });
  assert.ok(lines.some(([level, words]) => level === 'info' && /get .*\/repo.* succeeded with status 200/i.test(words)));
  assert.ok(lines.some(([level]) => level === 'debug'));
  assert.ok(!JSON.stringify(lines).includes(client.apiKey));
});

test('a client needs a key', () => {
  const key = process.env.RELACE_API_KEY;
  delete process.env.RELACE_API_KEY;
  try {
    assert.throws(() => new Relace(), Relace.RelaceError);
  } finally {
    process.env.RELACE_API_KEY = key;
  }
});
