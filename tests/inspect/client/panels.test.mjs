import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MODELS, calmed, centreOf, residualOf } from '../../../lensapp/ui/gallery/client/panels.js';
import { fluxOf, rawOf } from '../../../lensapp/ui/gallery/client/stretch.js';

const SIZE = { width: 60, height: 60 };

/** A round galaxy of a peak of 200 noises, not in the very middle. */
function galaxy({ x: cx, y: cy }, peak = 200) {
  return Float32Array.from({ length: 3600 }, (_, index) => peak * Math.exp(-((index % 60 - cx) ** 2 + (Math.floor(index / 60) - cy) ** 2) / 18));
}

test('models are about the light, which may lie beside the middle of the image', () => {
  const centre = { x: 30.3, y: 28.8 }, plane = galaxy(centre), at = centreOf(plane, SIZE);
  assert.ok(Math.hypot(at.x - centre.x, at.y - centre.y) < 0.05, JSON.stringify(at));
  const left = (model) => Math.max(...residualOf(plane, SIZE, model).map(Math.abs));
  assert.ok(left('rotated') < 10, `${left('rotated')}`);
  assert.ok(left('isophotes') < 10, `${left('isophotes')}`);
});

test('where nothing stands out, or far from the middle, the middle of the image is the centre', () => {
  for (const plane of [new Float32Array(3600), galaxy({ x: 45, y: 29.5 })]) assert.deepEqual(centreOf(plane, SIZE), { x: 29.5, y: 29.5 });
});

test('the first of the models leaves less of a galaxy than a blur does', () => {
  const plane = galaxy({ x: 29.5, y: 29.5 }), left = (model) => residualOf(plane, SIZE, model)[29 * 60 + 29];
  assert.ok('isophotes' in MODELS);
  assert.ok(Math.abs(left('isophotes')) < 0.1 * Math.abs(left('smooth')));
});

test('faint light takes the hue of its surroundings, and keeps how bright it is', () => {
  const noise = (seed) => Float32Array.from({ length: 3600 }, (_, index) => Math.sin(index * 12.9898 * seed) * 1.5);
  const planes = [noise(1.1), noise(2.3), noise(3.7)];
  planes[0][1830] = 500; // well above the noise
  const raw = rawOf(planes, SIZE), calm = calmed(raw, [0, 1, 2], [1, 1, 1]);
  const before = [0, 1, 2].map((band) => fluxOf(raw, band)), after = [0, 1, 2].map((band) => fluxOf(calm, band));
  const mean = (of, index) => (of[0][index] + of[1][index] + of[2][index]) / 3;
  const spread = (of) => of[0].reduce((sum, _, index) => sum + (index % 60 < 20 ? Math.abs(of[0][index] - of[2][index]) : 0), 0);
  for (const index of [5, 900, 3000]) assert.ok(Math.abs(mean(before, index) - mean(after, index)) < 0.01);
  assert.ok(spread(after) < 0.5 * spread(before));
  assert.ok(Math.abs(after[0][1830] - 500) < 25);
  assert.equal(calmed(raw, [0], [1, 1, 1]), raw);
});
