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

test('candidates that are compared are as large as they fit, in the middle of the height', async () => {
  globalThis.document = { createElement: () => ({ getContext: () => ({}), style: {}, setAttribute() {}, append() {} }) };
  const { Mosaic } = await import('../../../lensapp/ui/gallery/client/mosaic.js');
  const mosaic = Object.create(Mosaic.prototype);
  Object.assign(mosaic, { grid: { style: {}, toggleAttribute() {} }, canvas: { style: {} }, tiles: [], build() {} });
  mosaic.layout({ width: 1614, height: 1020, tile: 530, count: 3 });
  assert.equal(mosaic.columns, 3);
  assert.ok(mosaic.cell >= 530, `${mosaic.cell}`); // 508 where two rows were filled
  assert.ok(Math.abs(2 * mosaic.top + mosaic.cell - 1020) <= 6, `${mosaic.top}`);
  mosaic.layout({ width: 1614, height: 1020, tile: 200 });
  assert.equal(mosaic.top, 0);
});
