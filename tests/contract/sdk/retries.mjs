// SPDX-License-Identifier: Apache-2.0
// What the SDK does when a server fails: the rules of FAULTY_URL are in sdk_test.lua.
import test from 'node:test';
import { Relace, assert, client, fails, noting } from './world.mjs';

const seen = [];
const faulty = client.withOptions({ baseURL: process.env.FAULTY_URL, fetch: noting(seen) });
const attempts = (method, end) => seen.filter((one) => one.method === method && one.url.endsWith(end)).length;
const make = () => faulty.repo.create({ source: { type: 'files', files: [{ filename: 'a', content: '1' }] }, auto_index: true });

test('503 twice, then the list', async () => {
  assert.deepEqual((await faulty.repo.list()).items, []);
  assert.equal(attempts('GET', '/repo'), 3);
});

test('a lock, which the server says to try again', async () => {
  const { repo_id, repo_head } = await make();
  const changed = await faulty.repo.update(repo_id, { source: { type: 'files', files: [] } });
  assert.notEqual(changed.repo_head, repo_head);
  assert.equal(attempts('POST', '/update'), 2);
});

test('429: the wait that the server names', async () => {
  const { repo_id } = await make();
  const begun = Date.now();
  assert.equal((await faulty.repo.clone(repo_id)).files.length, 1);
  assert.ok(Date.now() - begun >= 950);
  assert.equal(attempts('GET', '/clone'), 2);
});

test('409 is tried again', async () => {
  const { repo_id } = await make();
  assert.match((await faulty.repoToken.create({ name: 'x', repo_ids: [repo_id] })).token, /^rlcr-/);
  assert.equal(attempts('POST', '/repo_token'), 2);
});

test('a connection that is reset', async () => {
  const { repo_id } = await make();
  assert.equal((await faulty.repo.get(repo_id)).repo_id, repo_id);
  assert.equal(attempts('GET', repo_id), 2);
});

test('too slow, and failing for good', async () => {
  const { repo_id } = await make();
  const slow = faulty.repo.embeddingStatus(repo_id, {}, { timeout: 50, maxRetries: 1 });
  await fails(slow, Relace.APIConnectionTimeoutError, undefined);
  assert.equal(attempts('GET', '/embedding_status'), 2);
  await fails(faulty.repo.delete(repo_id, { maxRetries: 0 }), Relace.InternalServerError, 500);
});

test('a stream that breaks off raises', async () => {
  const { repo_id } = await make();
  await assert.rejects(async () => {
    for await (const event of await faulty.repo.search(repo_id, { query: 'x' })) assert.ok(event.event);
  });
});
