// What an inspector chose, for pixels of flux and for pictures.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Settings } from '../../../lensapp/ui/gallery/client/settings.js';

const usual = (stretch) => ({ stretch, black: -0.5, rgb: [], luminance: '' });
const FLUX = { source: 'survey', given: null, usual_display: usual('soft') };
const PICTURES = { source: 'pictures', given: [[-1], [9]], usual_display: usual('given') };

beforeEach(() => {
  const kept = {};
  globalThis.localStorage = { getItem: (key) => kept[key] ?? null, setItem: (key, text) => { kept[key] = text; } };
  globalThis.addEventListener = () => {};
  globalThis.removeEventListener = () => {};
  globalThis.dispatchEvent = () => {};
});

const settingsOf = (optics) => new Settings({ remote: { saveView: async () => {} }, inspector: 'Ada', optics });

function changed(optics, changes) {
  const settings = settingsOf(optics);
  settings.change(changes);
  settings.close();
}

test('a stretch chosen for flux is not that of 8-bit pictures, and the other way round', () => {
  changed(FLUX, { stretch: 'asinh', tile: 90 });
  assert.equal(settingsOf(PICTURES).display.stretch, 'given');
  assert.equal(settingsOf(PICTURES).values.tile, 90);
  changed(PICTURES, { stretch: 'sqrt', black: 1 });
  assert.deepEqual([settingsOf(FLUX).display.stretch, settingsOf(FLUX).display.black], ['asinh', -0.5]);
  assert.deepEqual([settingsOf(PICTURES).display.stretch, settingsOf(PICTURES).display.black], ['sqrt', 1]);
  const others = settingsOf({ ...PICTURES, source: 'others' }).display; // whose black is another
  assert.deepEqual([others.stretch, others.black], ['sqrt', -0.5]);
});

test('a stretch of flux that pictures were shown by before gives way to the file itself', () => {
  changed(PICTURES, { stretch: 'mtf', tile: 80 });
  assert.deepEqual([settingsOf(PICTURES).display.stretch, settingsOf(PICTURES).values.tile], ['given', 80]);
});

test('what was changed on pictures first leaves flux as usual', () => {
  changed(PICTURES, { tile: 60 });
  assert.equal(settingsOf(FLUX).display.stretch, 'soft');
});

test('a sheet of several sources shows each in its way and its colours', () => {
  changed(FLUX, { stretch: 'log', rgb: ['z', 'r', 'g'] });
  const settings = settingsOf(FLUX);
  assert.deepEqual(settings.displayOf(PICTURES), usual('given'));
  assert.deepEqual(settings.displayOf({ ...FLUX, source: 'other' }), { ...usual('log'), rgb: [] });
  assert.deepEqual(settings.display.rgb, ['z', 'r', 'g']);
});
