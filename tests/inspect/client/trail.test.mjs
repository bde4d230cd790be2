import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Trail } from '../../../lensapp/ui/gallery/client/trail.js';

const kept = new Map();
globalThis.sessionStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) };

const trailIn = (name) => new Trail({ workspace: 'w', review: { name } });

beforeEach(() => {
  kept.clear();
  trailIn('top').add({ to: 'like-a', id: 1, name: 'a', single: false });
  trailIn('like-a').add({ to: 'like-b', id: 2, name: 'b', single: true });
});

test('a gallery that is loaded anew, or returned to by the browser, keeps its way back', () => {
  assert.equal(trailIn('like-b').last.name, 'b');
  assert.equal(trailIn('like-a').last.from, 'top'); // after the browser's Back
  assert.equal(trailIn('like-b').last.from, 'like-a'); // and Forward
  assert.equal(trailIn('top').last, null);
});

test('the way back is gone one step at a time, and another look begins where one is', () => {
  assert.equal(trailIn('like-a').back().from, 'top');
  assert.equal(trailIn('top').takeArrival().id, 1);
  assert.equal(trailIn('top').takeArrival(), null);
  assert.equal(trailIn('like-b').last, null);
  trailIn('top').add({ to: 'like-c', id: 3, name: 'c', single: false });
  assert.equal(trailIn('like-c').last.from, 'top');
});
