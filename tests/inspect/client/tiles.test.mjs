// How large the tiles of a page are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { USUAL_TILE } from '../../../lensapp/ui/gallery/client/settings.js';
import { tileFor } from '../../../lensapp/ui/gallery/client/showing.js';

const ROOM = { width: 1600, height: 800 };

test('few candidates fill the room, many keep the usual tiles', () => {
  assert.equal(tileFor(USUAL_TILE, 1000, ROOM), USUAL_TILE);
  assert.equal(tileFor(USUAL_TILE, 0, ROOM), USUAL_TILE);
  const side = tileFor(USUAL_TILE, 20, ROOM); // at best 7 across and 3 down: 228 px, less 6 for gaps
  assert.equal(side, 222);
});

test('tiles of very few candidates stay below the pixels that they show', () => {
  assert.ok(tileFor(USUAL_TILE, 1, ROOM) < ROOM.height / 2);
});

test('a size that was chosen stays', () => {
  assert.equal(tileFor(100, 5, ROOM), 100);
  assert.equal(tileFor(400, 5, ROOM), 400);
});
