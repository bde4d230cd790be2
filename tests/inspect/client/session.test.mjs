import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

globalThis.window = {};
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {}, querySelector: () => null };
globalThis.MutationObserver = class { observe() {} disconnect() {} };
const { Remote } = await import('../../../lensapp/ui/gallery/client/remote.js');
const { default: pulse } = await import('../../../lensapp/ui/pulse.js');

const settle = () => new Promise((resolve) => setImmediate(resolve));
let reloads;

beforeEach(() => {
  reloads = 0;
  globalThis.location = { reload: () => { reloads += 1; } };
});

const answering = (status, body = {}) => { globalThis.fetch = async () => Response.json(body, { status }); };

test('the gallery loads its page anew when the session has ended, and says so until then', async () => {
  answering(401, { error: 'Log in first. Reload the page.' });
  const remote = new Remote({ api: '/api', token: 't', picture_key: 'k' });
  await assert.rejects(remote.votes(), { message: 'Log in first. Reload the page.', status: 401 });
  await assert.rejects(remote.post('tab', [], { keepalive: false }), { status: 401 });
  assert.equal(reloads, 2);
});

test('a token that does not serve any more is told, with which it was', async () => {
  answering(403, { error: 'Ben is not invited.' });
  const remote = new Remote({ api: '/api', token: 'old', picture_key: 'k' }), told = [];
  remote.onForbidden = (token) => told.push(token);
  await assert.rejects(remote.queue(), { message: 'Ben is not invited.' });
  remote.renew({ api: '/api', token: 'new', picture_key: 'k' });
  answering(200);
  await remote.votes();
  assert.deepEqual(told, ['old']);
  assert.equal(reloads, 0);
});

test('an idle page asks, and loads anew when the session has ended, but not when the server is away', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const close = pulse({ data: { address: '/api/pulse', drawn: '' }, setTriggerValue() {} });
  answering(503);
  mock.timers.tick(5000);
  await settle();
  assert.equal(reloads, 0);
  answering(401);
  mock.timers.tick(5000);
  await settle();
  assert.equal(reloads, 1);
  close();
  mock.timers.reset();
});
