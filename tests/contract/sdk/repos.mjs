// SPDX-License-Identifier: Apache-2.0
// client.repo: create from each source, get, list, delete.
import test from 'node:test';
import { HEAD, Relace, UNKNOWN, assert, client, contents, create, diff, fails, files } from './world.mjs';

test('create without arguments makes an empty repo', async () => {
  const { data: repo, response } = await client.repo.create().withResponse();
  assert.equal(response.status, 201);
  assert.match(repo.repo_head, HEAD);
  assert.deepEqual(await contents(repo.repo_id), {});
  const found = await client.repo.get(repo.repo_id);
  assert.deepEqual([found.repo_id, found.metadata, found.updated_at, found.auto_index], [repo.repo_id, null, null, false]);
  assert.ok(Date.now() - Date.parse(found.created_at) < 60000);
});

test('create from files, find by metadata, delete', async () => {
  const metadata = { name: 'näme & more', run: String(process.pid) };
  const repo = await create({ 'src/a.c': 'int a;\n', 'é/ü.txt': 'ä', empty: '' }, { metadata, auto_index: true });
  assert.deepEqual(await contents(repo.repo_id), { 'src/a.c': 'int a;\n', 'é/ü.txt': 'ä', empty: '' });
  assert.deepEqual((await client.repo.get(repo.repo_id)).metadata, metadata);
  const page = await client.repo.list({ filter_metadata: JSON.stringify(metadata) });
  assert.equal(page.total_items, 1);
  assert.deepEqual([page.items[0].repo_id, page.items[0].auto_index], [repo.repo_id, true]);
  assert.equal(await client.repo.delete(repo.repo_id), null);
  await fails(client.repo.get(repo.repo_id), Relace.NotFoundError, 404);
  await fails(client.repo.delete(repo.repo_id), Relace.NotFoundError, 404);
});

test('create from git: branch, hash, whole history', async () => {
  const url = process.env.GIT_SOURCE;
  const main = await client.repo.create({ source: { type: 'git', url } });
  assert.deepEqual(await contents(main.repo_id), { 'a folder/two.txt': 'two\n', 'one.txt': 'one\nmore\n' });
  const side = await client.repo.create({ source: { type: 'git', url, branch: 'side' } });
  assert.equal((await contents(side.repo_id))['side.txt'], 'side\n');
  const hash = process.env.GIT_SOURCE_FIRST;
  const first = await client.repo.create({ source: { type: 'git', url, hash, shallow: false } });
  assert.equal(first.repo_head, hash);
  assert.equal((await contents(first.repo_id))['one.txt'], 'one\n');
  const wrong = client.repo.create({ source: { type: 'git', url: url.replace('repo.git', 'none.git') } });
  assert.equal((await fails(wrong, Relace.UnprocessableEntityError, 422)).error.code, 'invalid_template');
});

test('create from a template', async () => {
  const template = await create({ a: '1', b: '2' }, { metadata: { kind: 'template', name: 'old' } });
  await diff(template.repo_id, { type: 'delete', filename: 'b' });
  const source = { type: 'relace', repo_id: template.repo_id, copy_metadata: true };
  const copy = await client.repo.create({ source, metadata: { name: 'new' } });
  assert.notEqual(copy.repo_id, template.repo_id);
  assert.deepEqual(await contents(copy.repo_id), { a: '1' });
  assert.deepEqual((await client.repo.get(copy.repo_id)).metadata, { kind: 'template', name: 'new' });
  assert.equal((await client.repo.create({ source: { type: 'relace', repo_id: template.repo_id } })).repo_head, copy.repo_head);
  await fails(client.repo.create({ source: { ...source, repo_id: UNKNOWN } }), Relace.NotFoundError, 404);
});

test('lists: pages, order, filters', async () => {
  const run = `list-${process.pid}`;
  const filter_metadata = JSON.stringify({ run });
  const ids = [];
  for (let batch = 0; batch < 101; batch += 10) {
    const size = Math.min(10, 101 - batch);
    const made = await Promise.all(Array.from({ length: size }, () => client.repo.create({ metadata: { run } })));
    ids.push(...made.map((repo) => repo.repo_id));
  }
  const first = await client.repo.list({ filter_metadata });
  assert.deepEqual([first.items.length, first.total_items, first.next_page], [100, 101, 100]);
  const second = await client.repo.list({ filter_metadata, page_start: first.next_page });
  assert.deepEqual([second.items.length, second.total_items, second.next_page ?? null], [1, 101, null]);
  const seen = [...first.items, ...second.items].map((repo) => repo.repo_id);
  assert.deepEqual([...seen].sort(), [...ids].sort());
  assert.deepEqual((await client.repo.list({ filter_metadata, page_start: 500 })).items, []);

  const last = await client.repo.list({ filter_metadata, page_size: 1, order_descending: true });
  assert.equal(last.items[0].repo_id, seen.at(-1));
  await client.repo.update(ids[7], { metadata: { run, changed: 'yes' } });
  const changed = await client.repo.list({ filter_metadata, page_size: 1, order_by: 'updated_at', order_descending: true });
  assert.equal(changed.items[0].repo_id, ids[7]);
  const { created_at } = last.items[0];
  const before = await client.repo.list({ filter_metadata, created_before: created_at, created_after: null });
  const after = await client.repo.list({ filter_metadata, created_after: created_at });
  assert.ok(before.total_items + after.total_items < 101 && before.total_items >= 90 && after.total_items === 0);

  await fails(client.repo.list({ page_size: 101 }), Relace.UnprocessableEntityError, 422, /page_size/);
  await fails(client.repo.list({ filter_metadata: 'no json' }), Relace.UnprocessableEntityError, 422);
});

test('an id that is none', async () => {
  await fails(client.repo.get('not-a-uuid'), Relace.UnprocessableEntityError, 422, /UUID/);
  await fails(client.repo.get(''), Relace.NotFoundError, 404); // GET /repo/ is no list
  await fails(client.repo.delete(''), Relace.NotFoundError, 404);
});

test('a member that is not known is ignored, one of a wrong type is not', async () => {
  const repo = await client.repo.create({ source: { type: 'files', files: files({ a: '1' }) }, baz: 'undocumented option' });
  assert.match(repo.repo_head, HEAD);
  const wrong = { source: { type: 'files', files: [{ filename: 'a', content: 1 }] } };
  const error = await fails(client.repo.create(wrong), Relace.UnprocessableEntityError, 422);
  assert.deepEqual(error.error.detail[0].loc, ['body', 'source', 'files', 0, 'content']);
});
