// What is drawn on tiles: the middle of their cutouts, what is asked for, that it is remembered, and what is written.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SHIFTED } from '../../../lensapp/ui/gallery/client/keys.js';
import { Mosaic } from '../../../lensapp/ui/gallery/client/mosaic.js';
import { Pictures } from '../../../lensapp/ui/gallery/client/pictures.js';
import { Settings } from '../../../lensapp/ui/gallery/client/settings.js';
import { Showing } from '../../../lensapp/ui/gallery/client/showing.js';

/** A mosaic of one row, which writes down what it draws. */
function mosaicOf(values) {
  const drawn = [], framed = [];
  const context = { drawImage: (bitmap, ...numbers) => drawn.push(numbers), strokeRect: (...numbers) => framed.push(numbers) };
  const mosaic = Object.assign(Object.create(Mosaic.prototype), { context, cell: 100, across: 100, inset: 0, below: 0, gap: 0, left: 0, columns: 4, ratio: 1, tiles: [], ...values });
  return { mosaic, drawn, framed };
}

const SHEET = { bitmap: {}, columns: 2, width: 60, height: 60 };

test('tiles show the middle of their cutouts, as large as the whole', () => {
  const { mosaic, drawn } = mosaicOf({ zoom: 3 });
  mosaic.drawSheet(SHEET, { first: 0, count: 2 });
  assert.deepEqual(drawn, [[20, 20, 20, 20, 0, 0, 100, 100], [80, 20, 20, 20, 100, 0, 100, 100]]);
});

test('the frame of what the network saw grows with them, until it lies outside', () => {
  for (const [zoom, frames] of [[1, [[25.5, 25.5, 50, 50]]], [2, [[0.5, 0.5, 100, 100]]], [3, []]]) {
    const { mosaic, framed } = mosaicOf({ zoom, framed: [0.5, 0.5] });
    mosaic.drawSheet(SHEET, { first: 0, count: 1 });
    assert.deepEqual(framed, frames);
  }
});

test('pictures are asked for as sharp as the zoom shows them, but no larger than cutouts are stored', () => {
  const sizeOf = (zoom, side) => Object.assign(Object.create(Pictures.prototype), {
    mosaic: { cell: 150, zoom, tiles: [] }, optics: { width: side, height: side },
  }).size;
  assert.deepEqual([1, 1.5, 2, 3].map((zoom) => sizeOf(zoom, 300)), [128, 256, 256, 512]);
  assert.deepEqual([1, 2, 3].map((zoom) => sizeOf(zoom, 64)), [64, 64, 64]);
});

test('pages are fetched ahead as far as they can be kept', () => {
  const ahead = (count, zoom) => Object.assign(Object.create(Pictures.prototype), {
    mosaic: { cell: 150, zoom, tiles: { length: count } }, optics: { width: 300, height: 300 },
  }).pagesAhead;
  assert.ok(ahead(60, 1) >= 3 && ahead(60, 3) >= 3);
  assert.equal(ahead(1000, 3), 1);
});

test('the zoom of a source is remembered, and steps from whole cutouts to whole cutouts', () => {
  const kept = {}, listening = { addEventListener() {}, removeEventListener() {}, dispatchEvent() {} };
  Object.assign(globalThis, listening, { localStorage: { getItem: (key) => kept[key] ?? null, setItem: (key, text) => { kept[key] = text; } } });
  const settingsOf = (source) => new Settings({ remote: { saveView: async () => {} }, inspector: 'Ada', optics: { source, usual_display: {}, given: [] } });
  const settings = settingsOf('wide'), seen = [];
  const gallery = Object.assign(Object.create(Showing.prototype), { settings, showSettings() {}, restretch() {}, notices: { say() {} } });
  for (let press = 0; press < 4; press++) { gallery[SHIFTED.z[0]](); seen.push(settings.zoom); }
  assert.deepEqual(seen, [1.5, 2, 3, 1]);
  settings.zoomTo(2);
  settings.close();
  assert.deepEqual([settingsOf('wide').zoom, settingsOf('narrow').zoom], [2, 1]);
});

test('a grade given in another review says under the mouse what it is', (context) => {
  context.after(() => { delete globalThis.document; });
  const made = () => ({ style: { setProperty() {} }, setAttribute() {}, append() {} });
  globalThis.document = { createElement: made };
  const tile = { ...made(), dataset: {}, toggleAttribute() {}, appendChild: (child) => child };
  const { mosaic } = mosaicOf({ tiles: [tile], grades: new Map(), count: 1 });
  mosaic.mark(0, { name: 'sky-1', vote: null, note: {}, picked: false, earlier: 'C' });
  assert.deepEqual([tile.earlier.textContent, tile.earlier.title], ['C', 'Your grade in another review']);
});
