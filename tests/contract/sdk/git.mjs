// SPDX-License-Identifier: Apache-2.0
// client.git: the SDK's helper knows one host only; git's own url.<base>.insteadOf brings it to the local server.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Relace, assert, client, contents, create, diff } from './world.mjs';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'git-'));
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }));
process.env.GIT_CONFIG_GLOBAL = path.join(root, 'config');
process.env.GIT_TERMINAL_PROMPT = '0';

function config(...words) {
  execFileSync('git', ['config', '--global', ...words]);
}

// The credential is part of the URL that is replaced.
function redirect(credential) {
  const local = client.baseURL.replace('http://', `http://token:${credential}@`);
  config('--add', `url.${local}/repo/.insteadOf`, `https://token:${credential}@api.relace.run/v1/repo/`);
}

config('user.name', 'Relace');
config('user.email', 'noreply@relace.ai');
config('init.defaultBranch', 'main');
redirect(client.apiKey);

const read = (dir, name) => fs.readFileSync(path.join(dir, name), 'utf8');
const write = (dir, name, text) => fs.writeFileSync(path.join(dir, name), text);
const git = (dir, ...words) => execFileSync('git', ['-C', dir, ...words], { encoding: 'utf8' }).trim();

test('clone, add, commit, push: REST sees it', async () => {
  const { repo_id, repo_head } = await create({ 'a.txt': '1\n' });
  const dir = path.join(root, 'one');
  const helper = client.git(dir);
  helper.clone({ repoId: repo_id });
  assert.equal(read(dir, 'a.txt'), '1\n');
  assert.equal(git(dir, 'rev-parse', 'HEAD'), repo_head);
  write(dir, 'b.txt', '2\n');
  write(dir, 'c.txt', '3\n');
  helper.add({ files: ['b.txt'] }).commit({ message: 'b alone' });
  assert.equal(git(dir, 'status', '--porcelain'), '?? c.txt');
  helper.add().commit({ message: 'the rest' }).command({ cmd: 'config push.default simple' });
  helper.push({ branch: 'main' });
  assert.deepEqual(await contents(repo_id), { 'a.txt': '1\n', 'b.txt': '2\n', 'c.txt': '3\n' });
  assert.equal(await client.repo.file.download('b.txt', { repo_id }), '2\n');
});

test('fetch and pull bring what REST wrote', async () => {
  const { repo_id } = await create({ a: '1\n' });
  const dir = path.join(root, 'two');
  const helper = client.git(dir);
  helper.clone({ repoId: repo_id, branch: 'main', depth: 5, quiet: true, args: ['--no-tags'] });
  const { repo_head } = await diff(repo_id, { type: 'write', filename: 'a', content: '2\n' });
  helper.fetch();
  assert.equal(git(dir, 'rev-parse', 'origin/main'), repo_head);
  helper.fetch({ branch: 'main' });
  helper.pull();
  assert.equal(read(dir, 'a'), '2\n');
  await diff(repo_id, { type: 'write', filename: 'a', content: '3\n' });
  helper.pull({ branch: 'main' });
  assert.equal(read(dir, 'a'), '3\n');
});

test('branches, and a push larger than the buffer of git', async () => {
  const { repo_id, repo_head } = await create({ a: '1\n' });
  const dir = path.join(root, 'three');
  const helper = client.git(dir);
  helper.clone({ repoId: repo_id });
  helper.checkoutBranch({ branch: 'work', newBranch: true });
  const noise = Uint8Array.from({ length: 2 << 20 }, () => Math.random() * 256);
  fs.writeFileSync(path.join(dir, 'large'), noise); // sent in chunks, after a probe
  helper.add({ files: 'large' }).commit({ message: 'large' });
  helper.push(); // the branch that is checked out
  assert.equal((await diff(repo_id)).repo_head, repo_head); // the default branch is as it was
  helper.checkoutBranch({ branch: 'main' });
  helper.command({ cmd: 'merge --quiet work' });
  helper.push();
  const response = await client.repo.file.download('large', { repo_id }).asResponse();
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), noise);
});

test('a repo token works for git, on its repos alone, until it is deleted', async () => {
  const [mine, other] = await Promise.all([create({ a: 'mine\n' }), create({ a: 'other\n' })]);
  const { token } = await client.repoToken.create({ name: 'git', repo_ids: [mine.repo_id], ttl_seconds: 60 });
  redirect(token);
  const agent = client.withOptions({ apiKey: token });
  const dir = path.join(root, 'four');
  agent.git(dir).clone({ repoId: mine.repo_id });
  write(dir, 'a', 'by the token\n');
  agent.git(dir).add().commit({ message: 'by the token' }).command({ cmd: 'push --quiet' });
  assert.deepEqual(await contents(mine.repo_id), { a: 'by the token\n' });
  assert.throws(() => agent.git(path.join(root, 'five')).clone({ repoId: other.repo_id }), { status: 128 });
  await client.repoToken.delete(token);
  assert.throws(() => agent.git(dir).fetch(), { status: 128 });
  assert.throws(() => new Relace({ apiKey: token }).git('').clone({ repoId: mine.repo_id }), /No repository path/);
});

test('the samples of docs/guide/relace.md', async () => {
  const page = fs.readFileSync(process.env.GUIDE, 'utf8');
  const samples = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]);
  assert.equal(samples.length, 4);
  const { repo_id } = await create({ 'README.md': '# Old\n' });
  const { create: made } = client.repoToken;
  client.repoToken.create = async (...params) => {
    const answer = await made.apply(client.repoToken, params);
    redirect(answer.token);
    return answer;
  };
  const AsyncFunction = (async () => {}).constructor;
  process.chdir(root);
  await new AsyncFunction('client', 'id', samples.join('\n'))(client, repo_id);
  delete client.repoToken.create;
  assert.equal(read(path.join(root, 'work'), 'README.md'), '# Old\n');
  assert.deepEqual(await contents(repo_id), { 'README.md': '# Demo\n' });
});
