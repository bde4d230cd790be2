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

test('candidates that are compared are as large as they fit, with a card and their bands', () => {
  const three = fitFew(room(974, 716, 3));
  assert.deepEqual([three.columns, three.rows, three.cell], [3, 1, 322]); // (974 + 4) / 3 − 4
  assert.deepEqual([three.panels, three.bandColumns, three.band], [4, 2, 153]); // a residual fills the square: (310 + 4) / 2 − 4
  assert.equal(three.below, CARD_HEIGHT + 2 * (153 + 4));
  const two = fitFew(room(974, 716, 2));
  assert.deepEqual([two.columns, two.cell, two.panels, two.band], [2, 485, 3, 155]);
  const wide = fitFew(room(1600, 600, 2));
  assert.deepEqual([wide.cell, wide.stripTop, wide.below], [536, 0, CARD_HEIGHT]); // the bands are beside it: 250 px are left
  assert.ok(wide.band >= 80 && wide.stripLeft >= wide.cell);
});

test('four candidates have bands too, and leave little of the room empty', () => {
  for (const [width, height] of [[974, 716], [1614, 990], [700, 900]]) {
    const { rows, columns, across, cell, below, panels, band } = fitFew(room(width, height, 4));
    assert.ok(panels >= 3 && band >= 80, `${width}: ${panels} of ${band}`);
    assert.ok(rows * (cell + below + 4) - 4 <= height && columns * (across + 4) - 4 <= width);
    assert.ok(height - rows * (cell + below + 4) <= 140, `${width}: ${height - rows * (cell + below + 4)}`);
  }
});

test('a picture gives way to its bands by a fifth at most', () => {
  const { cell, panels } = fitFew(room(500, 560, 1)); // 496 px of height beside the card: as many as the width
  assert.deepEqual([cell, panels], [412, 4]);
  assert.equal(fitFew(room(1300, 404, 4)).band, 0); // 322 px across, 340 px down: 80 more would leave 256
});

test('where there is one band only its residual takes the room', () => {
  const { panels, band } = fitFew({ ...room(974, 716, 3), bands: 1 });
  assert.deepEqual([panels, band], [1, 310]);
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
