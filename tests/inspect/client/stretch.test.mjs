import assert from 'node:assert/strict';
import { test } from 'node:test';

import { panelsOf } from '../../../lensapp/ui/gallery/client/panels.js';
import { levelOf } from '../../../lensapp/ui/gallery/client/display_controls.js';
import { STRETCH_WORDS, fluxOf, midtones, parseRaw, rawOf, stretchesOf, zscaleLimits } from '../../../lensapp/ui/gallery/client/stretch.js';

test('fluxes survive their codes, masked pixels stay masked', () => {
  const plane = Float32Array.of(0, 1, -2, 100, NaN, 3000), size = { width: 3, height: 2 };
  const back = fluxOf(rawOf([plane], size), 0);
  assert.ok(Number.isNaN(back[4]));
  for (const index of [0, 1, 2, 3, 5]) assert.ok(Math.abs(back[index] - plane[index]) <= 5e-4 * (1 + Math.abs(plane[index])));
});

test('an answer of the server is counts, then codes', () => {
  const buffer = new ArrayBuffer(16 + 2 * 12);
  new Int32Array(buffer, 0, 4).set([1, 3, 2, 2]);
  const raw = parseRaw(buffer);
  assert.deepEqual([raw.count, raw.bands, raw.height, raw.width, raw.codes.length], [1, 3, 2, 2, 12]);
});

test('zscale of a straight ramp is the ramp itself', () => {
  const [low, high] = zscaleLimits(Array.from({ length: 500 }, (_, index) => index));
  assert.deepEqual([low, high], [0, 499]);
});

test('8-bit pictures are shown as in the file, and by nothing made for flux', () => {
  const optics = { given: [[-2, -2, -2], [8, 8, 8]], gains: [2, 2, 2] };
  assert.deepEqual(stretchesOf(optics), ['given', 'linear', 'sqrt', 'percentile']);
  assert.deepEqual(stretchesOf({ given: null }), Object.keys(STRETCH_WORDS).filter((name) => name !== 'given'));
  const view = { panels: ['colours', 'stretches'], model: 'smooth' }, bands = ['R', 'G', 'B'];
  const ids = panelsOf({ bands, rgb: [0, 1, 2], given: optics.given, view, stretch: 'given' }).map(({ id }) => id);
  assert.deepEqual(ids, ['colour', 'stretch linear', 'stretch sqrt', 'stretch percentile']);
  assert.deepEqual([levelOf('black', -2, optics), levelOf('white', 6, optics)], ['0 of 255', '128 of 255']); // 3 of −2 to 8 noises
  assert.equal(levelOf('black', -2, { given: null, gains: [1] }), undefined);
});

test('the single view shows the panels that are asked for', () => {
  const bands = ['g', 'r', 'i'], rgb = [2, 1, 0];
  const ids = (panels) => panelsOf({ bands, rgb, view: { panels, model: 'smooth' }, stretch: 'soft' }).map(({ id }) => id);
  assert.deepEqual(ids([]), ['colour']);
  assert.deepEqual(ids(['bands']), ['colour', 'band 0', 'band 1', 'band 2']);
  assert.deepEqual(ids(['residual', 'difference']), ['colour', 'residual', 'residual 0', 'residual 1', 'residual 2', 'difference']);
  assert.equal(ids(['stretches']).length, stretchesOf({}).length);
});

test('a composite of VIS over NISP stands among the colours, and the colours alone where it is shown', () => {
  const bands = ['VIS', 'Y', 'H'], composite = [[2, 1], 0], view = { panels: ['colours'], model: 'smooth' };
  const panels = (shown) => panelsOf({ bands, ...shown, composite, view, stretch: 'soft' });
  assert.deepEqual(panels({ rgb: [2, 1, 0], luminance: null }).slice(0, 2).map(({ id }) => id), ['colour', 'composite 2,1 0']);
  const [first, second] = panels({ rgb: [2, 1], luminance: 0 });
  assert.equal(first.label, 'H and Y as red and blue, VIS as luminance');
  assert.equal(second.id, 'composite 2,1');
});

test('midtones: black and white stay, the midtone becomes a half', () => {
  assert.deepEqual([midtones(0, 0.3), midtones(1, 0.3), midtones(0.3, 0.3), midtones(0.5, 0.25)].map((one) => Math.abs(one)), [0, 1, 0.5, 0.75]);
});
