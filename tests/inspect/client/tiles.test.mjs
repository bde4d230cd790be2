// How large the tiles of a page are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CARD_HEIGHT, fitFew } from '../../../lensapp/ui/gallery/client/compared.js';
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

const room = (width, height, count) => ({ width, height, gap: 4, count, bands: 3 });

test('candidates that are compared are as large as they fit, with a card and, where there is room, their bands below', () => {
  const three = fitFew(room(1614, 990, 3));
  assert.deepEqual([three.columns, three.rows, three.cell], [3, 1, 535]); // (1614 + 4) / 3 − 4
  assert.equal(three.band, 171); // a third of 535 − 12 + 4, less 4
  assert.equal(three.below, CARD_HEIGHT + 171 + 4);
  const four = fitFew(room(974, 716, 4));
  assert.deepEqual([four.columns, four.rows, four.cell, four.band], [2, 2, 316, 0]); // (716 + 4) / 2 − 4 − 40
});

test('those of one row are preferred where another makes them hardly larger', () => {
  const { columns, cell } = fitFew(room(974, 716, 3));
  assert.deepEqual([columns, cell], [3, 322]); // in two rows 316
});

test('the middle of the height is theirs, and the mosaic begins at the top again', async () => {
  globalThis.document = { createElement: () => ({ getContext: () => ({}), style: {}, setAttribute() {}, append() {} }) };
  const { Mosaic } = await import('../../../lensapp/ui/gallery/client/mosaic.js');
  const mosaic = Object.create(Mosaic.prototype);
  Object.assign(mosaic, { grid: { style: { setProperty() {} }, toggleAttribute() {} }, canvas: { style: {} }, tiles: [], build() {} });
  mosaic.layout({ width: 1614, height: 990, tile: 530, count: 3, bands: 3 });
  assert.ok(Math.abs(2 * mosaic.top + mosaic.cell + mosaic.below - 990) <= 6, `${mosaic.top}`);
  mosaic.layout({ width: 1614, height: 1020, tile: 200 });
  assert.deepEqual([mosaic.top, mosaic.below], [0, 0]);
});
