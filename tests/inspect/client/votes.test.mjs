import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};
globalThis.BroadcastChannel = class { postMessage() {} close() {} };
const { Journal } = await import('../../../lensapp/ui/gallery/client/journal.js');
const { Refused } = await import('../../../lensapp/ui/gallery/client/remote.js');
const { Votes, Voting } = await import('../../../lensapp/ui/gallery/client/votes.js');

const GRADES = [...'ABCX'].map((letter) => ({ letter }));
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Storage whose keys are its own properties, as in browsers. */
function storage(entries = {}) {
  return Object.setPrototypeOf({ ...entries }, {
    getItem(key) { return this[key] ?? null; },
    setItem(key, value) { this[key] = value; },
    removeItem(key) { delete this[key]; },
  });
}

function journalTo(post) {
  const states = [];
  const journal = new Journal({ remote: { post }, prefix: 'votes:', onState: (state) => states.push(state), onFeedback() {} });
  return { journal, states };
}

const keptVotes = () => Object.keys(localStorage).filter((key) => key.startsWith('votes:'));
const acknowledge = async (_client, ops) => ({ seq: ops.at(-1).seq });

beforeEach(() => { globalThis.localStorage = storage(); });
afterEach(() => mock.timers.reset());

test('a vote stays in storage until the server has it', async () => {
  let answer;
  const { journal, states } = journalTo(() => new Promise((resolve) => { answer = resolve; }));
  journal.add([{ id: 7, grade: 'A' }]);
  assert.deepEqual(JSON.parse(localStorage.getItem(`votes:${journal.client}`)), [{ seq: 1, id: 7, grade: 'A' }]);
  answer({ seq: 1 });
  await settle();
  assert.equal(localStorage.getItem(`votes:${journal.client}`), null);
  assert.deepEqual(states.map(({ state }) => state), ['saving', 'saved']);
});

test('votes given meanwhile are sent after those under way, in order, each once', async () => {
  const sent = [];
  const { journal } = journalTo(async (client, ops) => { sent.push(...ops.map(({ seq }) => seq)); return acknowledge(client, ops); });
  mock.timers.enable({ apis: ['setTimeout'] });
  for (const id of [1, 2, 3]) journal.add([{ id, grade: 'B' }]);
  await settle();
  mock.timers.tick(1);
  await settle();
  assert.deepEqual(sent, [1, 2, 3]);
  assert.deepEqual(journal.pending, []);
});

test('a server that is away is asked again, a refusal is not', async () => {
  let calls = 0;
  const { journal, states } = journalTo(async () => { calls += 1; throw new TypeError('away'); });
  mock.timers.enable({ apis: ['setTimeout'] });
  journal.add([{ id: 1, grade: 'A' }]);
  await settle();
  assert.deepEqual(states.at(-1), { state: 'offline', waiting: 1, message: null });
  mock.timers.tick(500);
  await settle();
  assert.equal(calls, 2);
  journal.remote.post = async () => { calls += 1; throw new Refused(403, 'Reload the page.'); };
  mock.timers.tick(1000);
  await settle();
  assert.deepEqual(states.at(-1), { state: 'refused', waiting: 1, message: 'Reload the page.' });
  mock.timers.tick(60_000);
  await settle();
  assert.equal(calls, 3);
  journal.remote.post = acknowledge;
  journal.retry(); // a new token
  await settle();
  assert.equal(states.at(-1).state, 'saved');
});

test('what a closed tab left behind is sent in its name and shown in the order it was given', async () => {
  const first = [{ seq: 1, id: 4, grade: 'A', voted_at: 20 }], second = [{ seq: 9, id: 4, grade: 'B', voted_at: 10 }];
  globalThis.localStorage = storage({ 'votes:one': JSON.stringify(first), 'votes:two': JSON.stringify(second), other: '[1]', 'votes:bad': '{' });
  const sent = [];
  const { journal } = journalTo(async (client, ops) => { sent.push([client, ops.length]); return acknowledge(client, ops); });
  assert.deepEqual(journal.replay().map(({ grade }) => grade), ['B', 'A']);
  await settle();
  assert.deepEqual(sent, [['one', 1], ['two', 1]]);
  assert.deepEqual(Object.keys(localStorage).filter((key) => key !== 'lensapp.browser'), ['other']);
});

test('the tally follows votes as they are given, changed and withdrawn', () => {
  const votes = new Votes(GRADES);
  assert.equal(votes.put(1, { grade: 'A', contaminant: null }), true);
  assert.equal(votes.put(1, { grade: 'A', contaminant: null }), false);
  votes.put(1, { grade: 'X', contaminant: 'ring' });
  votes.put(2, { grade: 'X', contaminant: null });
  votes.put(2, null);
  assert.deepEqual(votes.tally, { A: 0, B: 0, C: 0, X: 1 });
  assert.equal(votes.size, 1);
});

test('seconds each are the mean of the votes that count, a look of over a minute as one', () => {
  const votes = new Votes(GRADES);
  const vote = { grade: 'A', contaminant: null };
  assert.equal(votes.each, null);
  [500, 0.25, 0.5, 9].forEach((seconds, id) => { votes.put(id, vote); votes.spent(id, seconds); });
  assert.equal(votes.each, (60 + 0.25 + 0.5 + 9) / 4);
  assert.equal(votes.inAll, 60 + 0.25 + 0.5 + 9);
  votes.spent(3, 0.25); // graded anew
  assert.equal(votes.each, (60 + 0.25 + 0.5 + 0.25) / 4);
  [1, 2, 3].forEach((id) => votes.spent(id, null)); // withdrawn
  assert.equal(votes.each, 60);
});

test('undo gives back what a whole page was before', () => {
  const remote = { post: acknowledge };
  const voting = new Voting({
    data: { grades: GRADES, workspace: 'w', review: { id: 1 }, inspector: 'ada' }, remote,
    circumstances: () => ({}), seconds: () => 6, onChanged() {}, onState() {}, onFeedback() {},
  });
  voting.give([1], { grade: 'A', contaminant: null });
  voting.give([1, 2, 3], { grade: 'X', contaminant: null });
  assert.deepEqual(voting.votes.tally, { A: 0, B: 0, C: 0, X: 3 });
  assert.equal(voting.votes.pace, (2 + 2 + 2) / 3, 'what was graded anew counts once, as in `each`');
  assert.equal(voting.votes.each, (2 + 2 + 2) / 3);
  assert.equal(voting.undo(), 1);
  assert.deepEqual(voting.votes.tally, { A: 1, B: 0, C: 0, X: 0 });
  assert.equal(voting.undo(), 1);
  assert.equal(voting.undo(), null);
  voting.close();
});

test('votes whose numbers someone else has taken are sent under a new name, none is given up', async () => {
  const sent = [];
  const { journal } = journalTo(async (client, ops) => {
    sent.push([client, ops.length]);
    if (sent.length === 1) throw new Refused(409, 'taken', [1]);
    return acknowledge(client, ops);
  });
  mock.timers.enable({ apis: ['setTimeout'] });
  const before = journal.client;
  journal.add([{ id: 1, grade: 'A' }]);
  await settle();
  assert.notEqual(journal.client, before);
  assert.deepEqual(keptVotes(), [`votes:${journal.client}`]);
  mock.timers.tick(1000);
  await settle();
  assert.deepEqual(sent.map(([client]) => client), [before, journal.client]);
  assert.deepEqual(keptVotes(), []);
});

test('what another tab left behind is sent under a new name where its own is taken', async () => {
  globalThis.localStorage = storage({ 'votes:one': JSON.stringify([{ seq: 1, id: 4, grade: 'A', voted_at: 20 }]) });
  const sent = [];
  const { journal } = journalTo(async (client, ops) => {
    sent.push(client);
    if (client === 'one') throw new Refused(409, 'taken', [1]);
    return acknowledge(client, ops);
  });
  journal.replay();
  await settle();
  assert.equal(sent.length, 2);
  assert.deepEqual(keptVotes(), []);
});

test('an inspector is told once that the review was closed', async () => {
  const said = [];
  const { journal } = journalTo(async (client, ops) => ({ seq: ops.at(-1).seq, late: 'closed' }));
  journal.onLate = (message) => said.push(message);
  journal.add([{ id: 1, grade: 'A' }]);
  await settle();
  journal.add([{ id: 2, grade: 'A' }]);
  await settle();
  assert.deepEqual(said, ['closed']);
});

test('tabs of a browser share the beginning of their names', () => {
  const [one, other] = [journalTo(acknowledge), journalTo(acknowledge)].map(({ journal }) => journal.client);
  assert.match(one, /^[0-9a-f]{16}-[0-9a-f]{32}$/);
  assert.notEqual(one, other);
  assert.equal(one.slice(0, 17), other.slice(0, 17));
});

test('an inspector is told once that another browser votes under the same name, by whichever gallery', async () => {
  const said = [];
  for (const id of [1, 2]) {
    const { journal } = journalTo(async (client, ops) => ({ seq: ops.at(-1).seq, shared: 'another window' }));
    journal.onShared = (message) => said.push(message);
    journal.add([{ id, grade: 'A' }]);
    await settle();
  }
  assert.deepEqual(said, ['another window']);
});
