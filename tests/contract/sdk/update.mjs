// SPDX-License-Identifier: Apache-2.0
// client.repo.update in its three forms, metadata, two writers at once; client.repo.clone.
import test from 'node:test';
import { HEAD, Relace, UNKNOWN, assert, client, contents, create, diff, fails, files } from './world.mjs';

const overwrite = (id, byName) => client.repo.update(id, { source: { type: 'files', files: files(byName) } });

test('files: what is not listed is deleted', async () => {
  const { repo_id, repo_head } = await create({ a: '1', b: '2', 'd/c': '3' });
  const changed = await overwrite(repo_id, { a: '1', 'd/c': 'new', n: '' });
  assert.notEqual(changed.repo_head, repo_head);
  assert.deepEqual(changed.changed_files, ['b', 'd/c', 'n']);
  assert.deepEqual(await contents(repo_id), { a: '1', 'd/c': 'new', n: '' });
  const same = await overwrite(repo_id, { a: '1', 'd/c': 'new', n: '' });
  assert.deepEqual([same.repo_head, same.changed_files], [changed.repo_head, []]); // no second commit
  await overwrite(repo_id, {});
  assert.deepEqual(await contents(repo_id), {});
});

const write = (filename, content) => ({ type: 'write', filename, content });
const remove = (filename) => ({ type: 'delete', filename });
const rename = (old_filename, new_filename) => ({ type: 'rename', old_filename, new_filename });

test('diff: deletes, then writes, then renames', async () => {
  const { repo_id } = await create({ a: '1', b: '2', 'd/x': '3', 'd/y': '4' });
  const done = await diff(repo_id, write('n', 'new'), rename('b', 'moved'), remove('d'));
  assert.deepEqual(done.changed_files, ['d/x', 'd/y', 'moved', 'n']);
  assert.deepEqual(await contents(repo_id), { a: '1', moved: '2', n: 'new' });
  await diff(repo_id, write('a', 'again'), remove('a'));
  assert.equal((await contents(repo_id)).a, 'again');
  await diff(repo_id, rename('a', 'z'), write('a', 'text'));
  assert.equal((await contents(repo_id)).z, 'text');
  await diff(repo_id, write('z', '1'), write('z', '2'), rename('n', 'n1'), rename('n', 'n2'));
  const { repo_head } = await diff(repo_id);
  assert.deepEqual(await contents(repo_id), { moved: '2', z: '2', n2: 'new' });

  await fails(diff(repo_id, remove('z'), rename('z', 'y')), Relace.NotFoundError, 404);
  await fails(diff(repo_id, write('q', '1'), remove('q')), Relace.NotFoundError, 404);
  await fails(diff(repo_id, write('q', '1'), remove('none')), Relace.NotFoundError, 404);
  await fails(diff(repo_id, write('../q', '1')), Relace.BadRequestError, 400);
  await fails(diff(repo_id, { type: 'chmod', filename: 'z' }), Relace.BadRequestError, 400);
  assert.equal((await diff(repo_id)).repo_head, repo_head); // whole, or not at all
});

test('git: a remote is merged', async () => {
  const url = process.env.GIT_SOURCE;
  const { repo_id, repo_head } = await client.repo.create({ source: { type: 'git', url, branch: 'main', shallow: false } });
  assert.equal((await client.repo.update(repo_id, { source: { type: 'git', url, branch: 'main' } })).repo_head, repo_head);
  const merged = await client.repo.update(repo_id, { source: { type: 'git', url, branch: 'side' } });
  assert.match(merged.repo_head, HEAD);
  assert.deepEqual(merged.changed_files, ['side.txt']);
  assert.equal((await contents(repo_id))['side.txt'], 'side\n');
});

test('metadata replaces what was there, without a commit', async () => {
  const { repo_id, repo_head } = await create({ a: '1' }, { metadata: { one: '1', two: '2' } });
  const changed = await client.repo.update(repo_id, { metadata: { three: '3' } });
  assert.deepEqual([changed.repo_head, changed.changed_files], [repo_head, []]);
  const found = await client.repo.get(repo_id);
  assert.deepEqual(found.metadata, { three: '3' });
  assert.ok(Date.parse(found.updated_at) >= Date.parse(found.created_at));
  const both = await client.repo.update(repo_id, { source: { type: 'files', files: [] }, metadata: {} });
  assert.notEqual(both.repo_head, repo_head);
  assert.deepEqual((await client.repo.get(repo_id)).metadata, {});
});

test('an update of nothing is refused', async () => {
  const { repo_id } = await create({});
  await fails(client.repo.update(repo_id, {}), Relace.UnprocessableEntityError, 422, /source/);
  await fails(client.repo.update(repo_id, { source: null, metadata: null }), Relace.UnprocessableEntityError, 422);
  await fails(client.repo.update(repo_id, { source: { type: 'zip' } }), Relace.BadRequestError, 400);
  await fails(client.repo.update(UNKNOWN, { metadata: {} }), Relace.NotFoundError, 404);
});

test('writers of one repo take turns', async () => {
  const { repo_id } = await create({});
  const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
  const heads = await Promise.all(names.map((name) => diff(repo_id, write(name, name))));
  assert.equal(new Set(heads.map((info) => info.repo_head)).size, names.length);
  assert.deepEqual(Object.keys(await contents(repo_id)), names);
});

test('clone reads any commit, and leaves binary files out', async () => {
  const { repo_id, repo_head } = await create({ a: '1' });
  await client.repo.file.upload('b.bin', new Uint8Array([0, 1, 2]), { repo_id });
  await overwrite(repo_id, { a: '2' });
  assert.deepEqual(await contents(repo_id, { commit: repo_head }), { a: '1' });
  assert.deepEqual(await contents(repo_id, { commit: repo_head.slice(0, 7) }), { a: '1' });
  assert.deepEqual(await contents(repo_id, { commit: null }), { a: '2' });
  await fails(client.repo.clone(repo_id, { commit: '0'.repeat(40) }), Relace.NotFoundError, 404);
});
