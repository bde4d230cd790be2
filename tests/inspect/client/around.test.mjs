import assert from 'node:assert/strict';
import { test } from 'node:test';

import { marksOf } from '../../../lensapp/ui/gallery/client/around.js';
import { actionOf, helpSections } from '../../../lensapp/ui/gallery/client/keys.js';

test('Shift W shows what lies around, and the help says so', () => {
  const data = { grades: [{ letter: 'X', keys: ['x'], meaning: '' }], contaminants: [] };
  assert.deepEqual(actionOf({ key: 'W', shiftKey: true }, data), ['toggleAround']);
  assert.ok(helpSections(data).some(([, rows]) => rows.some(([keys, meaning]) => keys.includes('⇧ W') && /wider/.test(meaning))));
});

test('the field of the candidate is a square in pixels of the picture', () => {
  assert.deepEqual(marksOf({ width: 90, height: 90, box: [0.5, 0.5, 1 / 3] }), { box: { x: 30, y: 30, side: 30 } });
  const { box } = marksOf({ width: 100, height: 60, box: [0.4, 0.6, 0.2] });
  assert.deepEqual([box.x, box.y, box.side], [30, 30, 20]);
});

test('north is drawn where a picture tells it, upwards where it is up', () => {
  assert.deepEqual(marksOf({ width: 100, height: 100, box: null }), {});
  const [x1, y1, x2, y2] = marksOf({ width: 100, height: 100, box: null, north_deg: 0, east_left: true }).north;
  assert.ok(x1 === x2 && y2 < y1 && y2 > 0);
});
