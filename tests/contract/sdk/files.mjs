// SPDX-License-Identifier: Apache-2.0
// client.repo.file: upload of every kind of body, download, delete.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { HEAD, Relace, assert, client, contents, create, fails } from './world.mjs';

const bytes = Uint8Array.from({ length: 100000 }, (_, i) => (i * 7) & 255);

async function download(name, repo_id) {
  const response = await client.repo.file.download(name, { repo_id }).asResponse();
  assert.equal(response.headers.get('content-type'), 'application/octet-stream');
  return new Uint8Array(await response.arrayBuffer());
}

test('a file is written, read and deleted', async () => {
  const { repo_id } = await create({});
  const { data: made, response } = await client.repo.file.upload('src/a b.py', 'x = 1\n', { repo_id }).withResponse();
  assert.equal(response.status, 201);
  assert.match(made.repo_head, HEAD);
  assert.deepEqual(made.changed_files, ['src/a b.py']);
  assert.equal(await client.repo.file.download('src/a b.py', { repo_id }), 'x = 1\n');
  const again = await client.repo.file.upload('src/a b.py', 'x = 2\n', { repo_id }).asResponse();
  assert.equal(again.status, 200);
  await again.text();
  assert.deepEqual(await contents(repo_id), { 'src/a b.py': 'x = 2\n' });
  const gone = await client.repo.file.delete('src/a b.py', { repo_id });
  assert.deepEqual(gone.changed_files, ['src/a b.py']);
  await fails(client.repo.file.download('src/a b.py', { repo_id }), Relace.NotFoundError, 404);
  await fails(client.repo.file.delete('src/a b.py', { repo_id }), Relace.NotFoundError, 404);
});

test('every kind of body, the empty one too', async () => {
  const { repo_id } = await create({});
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'upload-')), 'bytes');
  fs.writeFileSync(file, bytes);
  const bodies = {
    view: bytes,
    buffer: bytes.buffer,
    data: new DataView(bytes.buffer),
    blob: new Blob([bytes]),
    stream: fs.createReadStream(file), // as the SDK's own sample; sent in chunks
    web: new Response(bytes).body,
    file: await Relace.toFile(fs.createReadStream(file), 'bytes'),
  };
  for (const [name, body] of Object.entries(bodies)) {
    await client.repo.file.upload(name, body, { repo_id });
    assert.deepEqual(await download(name, repo_id), bytes, name);
  }
  fs.rmSync(path.dirname(file), { recursive: true });
  await client.repo.file.upload('empty', '', { repo_id });
  assert.equal((await download('empty', repo_id)).length, 0);
});

test('a file of JSON is downloaded as text', async () => {
  const { repo_id } = await create({ 'a.json': '{"a":1}' });
  assert.equal(await client.repo.file.download('a.json', { repo_id }), '{"a":1}');
});

test('slashes of a path are literal or encoded, and paths stay inside', async () => {
  const { repo_id } = await create({ 'src/a.c': 'int a;\n' });
  assert.equal(await client.get(`/repo/${repo_id}/file/src/a.c`), 'int a;\n');
  assert.equal(await client.get(`/repo/${repo_id}/file/src%2Fa.c`), 'int a;\n');
  await fails(client.repo.file.download('../x', { repo_id }), Relace.BadRequestError, 400);
  await fails(client.repo.file.upload('.git/config', 'x', { repo_id }), Relace.BadRequestError, 400);
  await fails(client.repo.file.upload('/etc/passwd', 'x', { repo_id }), Relace.BadRequestError, 400);
});

test('a file that is too large', async () => {
  const { repo_id } = await create({});
  const large = new Uint8Array(Number(process.env.MAX_FILE) + 1);
  await fails(client.repo.file.upload('large', large, { repo_id }), Relace.APIError, 413);
  assert.deepEqual(await contents(repo_id), {});
});
