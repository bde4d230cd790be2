import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MODELS, NoPicture, PanelPainter, calmed, centreOf, panelsOf, residualOf } from '../../../lensapp/ui/gallery/client/panels.js';
import { SingleView } from '../../../lensapp/ui/gallery/client/single.js';
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

test('in a large picture the centre is that of the galaxy near the middle and not of the dark sky in the middle', () => {
  const size = { width: 466, height: 466 }, centre = { x: 246, y: 212 };
  const spot = (x, y, at, peak, width) => peak * Math.exp(-((x - at.x) ** 2 + (y - at.y) ** 2) / (2 * width ** 2));
  const plane = Float32Array.from({ length: 466 * 466 }, (_, index) => {
    const x = index % 466, y = Math.floor(index / 466);
    return spot(x, y, centre, 60, 6) + spot(x, y, { x: 300, y: 300 }, 90, 6); // the brighter one is no target
  });
  const at = centreOf(plane, size);
  assert.ok(Math.hypot(at.x - centre.x, at.y - centre.y) < 0.5, JSON.stringify(at));
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

globalThis.ImageData = class {
  constructor(width, height) { Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }); }
};
const BANDS = ['g', 'r', 'i'];
const OPTICS = { gains: [1, 1, 1], noise: [1, 1, 1] };
const DISPLAY = { stretch: 'soft', black: -1, softening: 1, white: 50, background: 0.1, percentile: 99.5 };
const every = ['bands', 'colours', 'stretches', 'residual', 'difference'];
const view = (model) => ({ panels: every, model, difference: {}, alpha: null });
const painterOf = (planes, size, model = 'isophotes') => new PanelPainter(rawOf(planes, size), { display: DISPLAY, rgb: [2, 1, 0], optics: OPTICS, view: view(model) });

test('every panel and every model is made of a picture of many pixels', () => {
  const size = { width: 484, height: 485 }, ring = 480 * 484 + 3; // one bright pixel in a corner
  const plane = Float32Array.from({ length: 484 * 485 }, (_, index) => 100 * Math.exp(-((index % 484 - 241.5) ** 2 + (Math.floor(index / 484) - 242) ** 2) / 800));
  plane[ring] += 40;
  const painter = painterOf([plane, plane, plane], size);
  const panels = panelsOf({ bands: BANDS, rgb: [2, 1, 0], view: view('isophotes'), stretch: 'soft' });
  assert.ok(panels.length > 15);
  for (const { id } of panels) assert.equal(painter.paint(id).width, 484, id);
  for (const model of Object.keys(MODELS)) {
    const residual = residualOf(plane, size, model);
    assert.ok(residual[ring] > 25 && residual[ring] < 41, `${model} ${residual[ring]}`); // what is no smooth galaxy stays
  }
});

test('the median of a large image is smooth, meets its light and lets an arc stand', () => {
  const size = { width: 300, height: 290 }, plane = new Float32Array(300 * 290), arc = 120 * 300 + 150;
  plane.forEach((_, index) => { plane[index] = 0.1 * (index % 300) + 0.2 * Math.floor(index / 300); });
  plane[0] = NaN;
  for (let row = 0; row < 3; row++) plane.fill(500, arc + row * 300, arc + row * 300 + 3);
  const residual = residualOf(plane, size, 'median');
  assert.ok(residual[arc + 301] > 450, `${residual[arc + 301]}`);
  assert.ok(Number.isNaN(residual[0]));
  for (const index of [200 * 300 + 100, 60 * 300 + 250]) assert.ok(Math.abs(residual[index]) < 0.6, `${residual[index]}`); // a pixel's step is 0.3
});

test('where every pixel is masked a residual says so, and the bands that have pixels keep theirs', () => {
  const masked = new Float32Array(3600).fill(NaN), painter = painterOf([galaxy({ x: 30, y: 30 }), masked, masked], SIZE);
  assert.throws(() => painter.paint('residual 1'), NoPicture);
  assert.throws(() => painter.paint('difference'), NoPicture);
  for (const id of ['residual', 'residual 0', 'band 1']) assert.equal(painter.paint(id).height, 60);
  assert.throws(() => painterOf([masked, masked, masked], SIZE).paint('residual'), /every pixel is masked/);
});

test('a panel without a picture says why in its place, and none of an error is heard by the others', (t) => {
  const errors = t.mock.method(console, 'error', () => {}), drawn = [], said = {};
  const single = Object.create(SingleView.prototype);
  single.painter = { paint(id) {
    if (id === 'masked') throw new NoPicture('No residual: every pixel is masked.');
    if (id === 'broken') throw new RangeError('Maximum call stack size exceeded');
    return new ImageData(2, 2);
  } };
  for (const id of ['masked', 'broken', 'whole']) {
    const figure = { toggleAttribute: (_, missing) => { said[id] = missing; } }, none = { textContent: 'before' };
    const canvas = { setAttribute: (_, label) => drawn.push(label) };
    single.put({ figure, none, context: { canvas, putImageData() {} } }, { id, label: id });
  }
  assert.deepEqual(said, { masked: true, broken: true, whole: false });
  assert.deepEqual(drawn.map((label) => label.split(';')[0]), ['No residual: every pixel is masked.', 'This picture cannot be computed.', 'Picture: whole']);
  assert.equal(errors.mock.callCount(), 1);
});

/** Lay out a single view whose panels have these ids; return the classes of the figures, and whether panels are small. */
function laidOut(ids, room) {
  const single = Object.create(SingleView.prototype), classes = Object.fromEntries(ids.map((id) => [id, new Set()])), said = {};
  const figureOf = (id) => ({ classList: { add: (name) => classes[id].add(name), remove: (name) => classes[id].delete(name) } });
  Object.assign(single, {
    panels: ids, around: [], main: { figure: { style: {} } }, root: { style: { setProperty() {} } }, views: new Map(ids.map((id) => [id, { figure: figureOf(id) }])),
    panelGrid: { style: {}, querySelectorAll: () => [], toggleAttribute: (name, on) => { said[name] = on; } },
  });
  single.layout(room);
  return { leads: ids.filter((id) => classes[id].has('lead')), cell: parseInt(single.panelGrid.style.gridAutoRows, 10) };
}

test('the slider of a difference has room among many panels, where all fit', () => {
  const many = ['residual', 'difference', ...Array.from({ length: 16 }, (_, place) => `band ${place}`)];
  const wide = laidOut(many, { width: 1614, height: 1020 });
  assert.deepEqual(wide.leads, ['residual', 'difference']);
  assert.ok(2 * wide.cell >= 170, `${wide.cell}`);
  assert.deepEqual(laidOut(['difference', 'band 0'], { width: 1614, height: 1020 }).leads, []);
});
