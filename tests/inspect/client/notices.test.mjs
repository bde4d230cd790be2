import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.document = { createElement: () => ({ addEventListener() {} }) };
const { Notices } = await import('../../../lensapp/ui/gallery/client/notices.js');

test('a notice stays as long as the mouse or the keyboard is on it', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let held = true;
  const passing = { dataset: {}, hidden: true, append() {}, addEventListener() {}, matches: () => held };
  const notices = new Notices({ querySelector: (name) => (name === '.toast' ? passing : {}) });
  notices.toast('Stars were set.');
  context.mock.timers.tick(60_000);
  assert.equal(passing.hidden, false, 'it is held');
  held = false;
  context.mock.timers.tick(2_000);
  assert.equal(passing.hidden, true);
});

test('a click closes a notice', () => {
  const passing = Object.assign(new EventTarget(), { dataset: {}, hidden: true, matches: () => false });
  const notices = new Notices({ querySelector: (name) => (name === '.toast' ? passing : {}) });
  notices.toast('No picture here.');
  assert.equal(passing.hidden, false);
  passing.dispatchEvent(new Event('click'));
  assert.equal(passing.hidden, true);
  notices.close();
});

test('a notice with a button stays until it is dismissed, and comes back after others', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const passing = { dataset: {}, hidden: true, append() {}, addEventListener() {}, matches: () => false };
  const notices = new Notices({ querySelector: (name) => (name === '.toast' ? passing : {}) });
  notices.toast('Make features first', { offer: { label: 'Make them', take() {} } });
  context.mock.timers.tick(3_600_000);
  assert.equal(passing.hidden, false);
  notices.toast('Starred.');
  assert.equal(passing.textContent, 'Starred.');
  context.mock.timers.tick(60_000);
  assert.deepEqual([passing.hidden, passing.textContent], [false, 'Make features first']);
  assert.equal(notices.dismissOffer(), true);
  assert.equal(passing.hidden, true);
  notices.toast('Starred.');
  assert.equal(notices.dismissOffer(), false, 'this one has no button');
  context.mock.timers.tick(60_000);
  assert.equal(passing.hidden, true, 'what was dismissed does not come back');
});
