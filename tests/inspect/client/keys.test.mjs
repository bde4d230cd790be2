import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Gallery } from '../../../lensapp/ui/gallery/client/gallery.js';
import { ACTIONS, SHIFTED, actionOf, leaveNavigation, selectsPage } from '../../../lensapp/ui/gallery/client/keys.js';

const DATA = {
  grades: [{ letter: 'A', keys: ['a', '1'] }, { letter: 'X', keys: ['x', '0'] }],
  contaminants: [{ key: 's', name: 'spiral' }],
};
const press = (key, shiftKey = false) => actionOf({ key, shiftKey }, DATA);

test('letters and digits grade, with or without Caps Lock', () => {
  assert.deepEqual(press('a'), ['grade', 'A']);
  assert.deepEqual(press('A'), ['grade', 'A']);
  assert.deepEqual(press('0'), ['grade', 'X']);
  assert.deepEqual(press('s'), ['grade', 'X', 'spiral']);
});

test('with Shift letters change the view and never grade', () => {
  assert.deepEqual(press('X', true), ['gradeRest']);
  assert.deepEqual(press('S', true), ['togglePanel', 'stretches']);
  assert.equal(press('A', true), null);
  assert.deepEqual(press('ArrowLeft', true), ['pan', -1, 0]);
  assert.deepEqual(press('?', true), ['toggleHelp']);
});

test('other keys are left to the page', () => {
  for (const key of ['Tab', 'F5', 'q']) assert.equal(press(key), null);
});

test('every key names a method of the gallery', () => {
  for (const [method] of [...Object.values(ACTIONS), ...Object.values(SHIFTED)]) {
    assert.equal(typeof Gallery.prototype[method], 'function', method);
  }
});

/** A gallery of which only what decides over keys is there; what it does is written down. */
function covered({ card = true, help = true, bar = false, menu = false }) {
  const done = [], gallery = Object.create(Gallery.prototype);
  const end = { root: { hidden: card }, hide() { this.root.hidden = true; } };
  Object.assign(gallery, { end, help: { hidden: help }, part: { open: bar, menu: { open: menu } }, notices: { toast: () => done.push('told') } });
  for (const name of ['grade', 'gradeRest', 'withdraw', 'toggleStar', 'undo', 'moveBy']) gallery[name] = (...values) => done.push([name, ...values].join(' '));
  return { gallery, done };
}

test('nothing is said of candidates while a card, the help or a list lies over them', () => {
  for (const over of [{ card: false }, { help: false }, { bar: true, menu: true }]) {
    const { gallery, done } = covered(over);
    for (const action of [['grade', 'A'], ['gradeRest'], ['withdraw'], ['toggleStar']]) gallery.act(...action);
    assert.deepEqual(done, ['told', 'told', 'told', 'told'], JSON.stringify(over));
  }
  const { gallery, done } = covered({ bar: true, menu: false });
  gallery.act('grade', 'A');
  gallery.act('moveBy', 1);
  assert.deepEqual(done, ['grade A', 'moveBy 1']);
});

test('undo closes the card with which a review ends, and grading goes on', () => {
  const { gallery, done } = covered({ card: false });
  gallery.act('undo');
  gallery.act('grade', 'A');
  assert.deepEqual(done, ['undo', 'grade A']);
});

test('the link in the sidebar that led here gives the keyboard back, other elements keep it', (context) => {
  const left = [];
  const focused = (place) => ({ closest: (asked) => (asked === `[data-testid="stSidebar"] a` && place === 'link' ? { blur: () => left.push(place) } : null) });
  context.after(() => { delete globalThis.document; });
  for (const place of ['link', 'field']) {
    globalThis.document = { activeElement: focused(place) };
    leaveNavigation();
  }
  assert.deepEqual(left, ['link']);
});

test('in a review Shift with E says where scores are explained', () => {
  const told = [], made = Object.assign(Object.create(Gallery.prototype), { notices: { toast: (words) => told.push(words) } });
  const [method] = press('E', true);
  made[method]();
  assert.match(told[0], /^Why the network scores it so is shown where pictures are opened on Evaluate/);
});

test('Ctrl or ⌘ with A marks the page, but in a field its text', (context) => {
  context.after(() => { delete globalThis.document; delete globalThis.Element; });
  globalThis.document = { querySelector: () => null };
  globalThis.Element = class { closest() { return null; } matches(what) { return what === 'input'; } };
  const event = (changes, path = [{}]) => ({ key: 'a', ctrlKey: true, metaKey: false, altKey: false, composedPath: () => path, ...changes });
  assert.equal(selectsPage(event({})), true);
  assert.equal(selectsPage(event({ ctrlKey: false, metaKey: true, key: 'A' })), true);
  assert.equal(selectsPage(event({ ctrlKey: false })), false);
  assert.equal(selectsPage(event({}, [new Element()])), false);
});
