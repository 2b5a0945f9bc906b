// SPDX-License-Identifier: Apache-2.0
// client.repoToken: create, get, delete, and what a token may do.
import test from 'node:test';
import { Relace, UNKNOWN, assert, client, create, fails } from './world.mjs';

test('a token is made, read and deleted', async () => {
  const { repo_id } = await create({ a: '1' });
  const made = await client.repoToken.create({ name: 'ci', repo_ids: [repo_id] });
  assert.match(made.token, /^rlcr-[0-9a-f]{40}$/);
  assert.deepEqual([made.name, made.repo_ids, made.expires_at], ['ci', [repo_id], undefined]);
  const read = await client.repoToken.get(made.token);
  assert.deepEqual([read.name, read.repo_ids, read.token], ['ci', [repo_id], undefined]);
  assert.equal(await client.repoToken.delete(made.token), null);
  await fails(client.repoToken.get(made.token), Relace.NotFoundError, 404);
  await fails(client.repoToken.delete(made.token), Relace.NotFoundError, 404);
});

test('ttl_seconds passes, and the token expires', async () => {
  const { repo_id } = await create({ a: '1' });
  const { token, expires_at } = await client.repoToken.create({ name: 'short', repo_ids: [repo_id], ttl_seconds: 2 });
  const left = Date.parse(expires_at) - Date.now();
  assert.ok(left <= 2000, `expires in ${left} ms`);
  const agent = client.withOptions({ apiKey: token });
  const expired = /expired|revoked/;
  for (let tries = 0; ; tries++) {
    try {
      await agent.repo.get(repo_id);
    } catch (error) {
      assert.ok(error instanceof Relace.AuthenticationError && expired.test(error.message), error.message);
      break;
    }
    assert.ok(tries < 200, 'the token never expired');
    await new Promise((done) => setTimeout(done, 100));
  }
});

test('a token works on its repos and nowhere else', async () => {
  const [mine, too, other] = await Promise.all([create({ a: '1' }), create({ b: '2' }), create({ c: '3' })]);
  const { token } = await client.repoToken.create({ name: 'two', repo_ids: [mine.repo_id, too.repo_id] });
  const agent = client.withOptions({ apiKey: token });
  assert.equal((await agent.repo.get(mine.repo_id)).repo_id, mine.repo_id);
  assert.deepEqual((await agent.repo.clone(too.repo_id)).files, [{ filename: 'b', content: '2' }]);
  await agent.repo.update(mine.repo_id, { metadata: { by: 'token' } });
  assert.deepEqual((await agent.repoToken.get(token)).name, 'two');
  for (const id of [other.repo_id, UNKNOWN]) await fails(agent.repo.get(id), Relace.PermissionDeniedError, 403);
  await fails(agent.repo.list(), Relace.PermissionDeniedError, 403);
  await fails(agent.repo.create(), Relace.PermissionDeniedError, 403);
  await fails(agent.repoToken.create({ name: 'x', repo_ids: [mine.repo_id] }), Relace.PermissionDeniedError, 403);
  assert.equal(await agent.repoToken.delete(token), null);
  await fails(agent.repo.get(mine.repo_id), Relace.AuthenticationError, 401, /revoked/);
});

test('a token for nothing is refused', async () => {
  const missing = await fails(client.repoToken.create({ name: 'x' }), Relace.UnprocessableEntityError, 422, /repo_ids/);
  assert.equal(missing.error.code, 'missing_required_field');
  assert.deepEqual(missing.error.detail[0].loc, ['body', 'repo_ids']);
  await fails(client.repoToken.create({ name: 'x', repo_ids: [] }), Relace.UnprocessableEntityError, 422);
  await fails(client.repoToken.create({ name: 'x', repo_ids: [UNKNOWN] }), Relace.NotFoundError, 404);
});
