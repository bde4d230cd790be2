import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Gallery } from '../../../lensapp/ui/gallery/client/gallery.js';
import { ACTIONS, SHIFTED, actionOf } from '../../../lensapp/ui/gallery/client/keys.js';

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
