// SPDX-License-Identifier: Apache-2.0
// client.repo: retrieve, embeddingStatus, agent, search; streams to their last event.
import test from 'node:test';
import { Relace, assert, client, create, diff, fails } from './world.mjs';

const SOURCE = { 'src/moon.c': 'int phase; /* of the moon */\n', 'src/sun.c': 'int noon;\n', 'README.md': '# Almanac\n' };
const indexed = () => create(SOURCE, { auto_index: true });

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

test('retrieve ranks files', async () => {
  const { repo_id, repo_head } = await indexed();
  const plain = await client.repo.retrieve(repo_id, { query: 'phase of the moon' });
  assert.equal(plain.results[0].filename, 'src/moon.c');
  assert.ok(plain.results[0].score > 0 && plain.results[0].score <= 1);
  assert.equal(plain.results[0].content ?? null, null);
  assert.deepEqual([plain.hash, plain.pending_embeddings], [repo_head, 0]);
  const full = await client.repo.retrieve(repo_id, {
    query: 'phase of the moon', branch: 'main', include_content: true, rerank: false, score_threshold: 0, token_limit: 1000,
  });
  assert.equal(full.results[0].content, SOURCE['src/moon.c']);
  const exact = await client.repo.retrieve(repo_id, { query: 'moon', hash: repo_head });
  assert.equal(exact.hash, repo_head);
  await fails(client.repo.retrieve(repo_id, { query: 'moon', hash: '0'.repeat(40) }), Relace.NotFoundError, 404);
  await fails(client.repo.retrieve(repo_id, {}), Relace.UnprocessableEntityError, 422, /query/);
  const plainRepo = await create(SOURCE);
  await fails(client.repo.retrieve(plainRepo.repo_id, { query: 'moon' }), Relace.NotFoundError, 404);
});

test('embeddingStatus follows the head', async () => {
  const { repo_id, repo_head } = await indexed();
  const status = await client.repo.embeddingStatus(repo_id);
  assert.deepEqual(status, { hash: repo_head, completed_embeddings: 3, pending_embeddings: 0 });
  const changed = await diff(repo_id, { type: 'write', filename: 'new', content: 'x\n' });
  assert.equal((await client.repo.embeddingStatus(repo_id, { branch: 'main' })).hash, changed.repo_head);
  assert.equal((await client.repo.embeddingStatus(repo_id, { hash: repo_head })).completed_embeddings, 3);
  await fails(client.repo.embeddingStatus(repo_id, { branch: 'none' }), Relace.NotFoundError, 404);
});

test('search streams events, the last one included', async () => {
  const { repo_id } = await create(SOURCE);
  const events = await collect(await client.repo.search(repo_id, { query: 'Where is the phase of the moon?' }));
  assert.equal(events[0].event, 'started');
  assert.match(events[0].data.prompt_id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(events.at(-1), { event: 'done', data: {} });
  const report = events.find((event) => event.data.name === 'report_back');
  assert.equal(report.event, 'tool');
  assert.deepEqual(Object.keys(report.data.files), ['src/moon.c']);
  for (const [first, last] of report.data.files['src/moon.c']) assert.ok(first >= 1 && last >= first);
});

test('agent: what search sends, and what is refused', async () => {
  const { repo_id } = await create(SOURCE);
  const params = { agent_name: 'relace-search', agent_inputs: { query: 'moon' }, continue: false, overrides: { max_turns: 2 } };
  const names = (await collect(await client.repo.agent(repo_id, params))).map((event) => event.event);
  assert.deepEqual([names[0], names.at(-1)], ['started', 'done']);
  await fails(client.repo.agent(repo_id, { ...params, agent_name: 'nobody' }), Relace.NotFoundError, 404);
  await fails(client.repo.agent(repo_id, { ...params, agent_inputs: {} }), Relace.UnprocessableEntityError, 422);
});

test('a stream can be left early, and read by two', async () => {
  const { repo_id } = await create(SOURCE);
  for await (const event of await client.repo.search(repo_id, { query: 'moon' })) {
    assert.equal(event.event, 'started');
    break;
  }
  const [left, right] = (await client.repo.search(repo_id, { query: 'moon' })).tee();
  assert.deepEqual(await collect(left), await collect(right));
  const response = await client.repo.search(repo_id, { query: 'moon' }).asResponse();
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  assert.ok((await response.text()).endsWith('\n\n'));
});

test('text search, which the SDK has no method for', async () => {
  const { repo_id } = await create(SOURCE);
  const { results } = await client.post(`/repo/${repo_id}/search`, { body: { query: 'int noon' } });
  assert.deepEqual(results, [{ filename: 'src/sun.c', line_number: 1, line_content: 'int noon;', match_start: 0, match_end: 8 }]);
});
