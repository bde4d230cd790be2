// What the single view can show side by side: bands, composites, stretches, residuals, and how each is painted.
// Planes are Float32Array in units of the noise above the sky, row by row, NaN where masked.

import { Painter, STRETCHES, STRETCH_WORDS, fluxOf, rawOf } from "./stretch.js";

const MOST_COMPOSITES = 6;
const SMOOTH_SHARE = 0.05; // width of the Gaussian, of the image's side
const MEDIAN_SHARE = 0.06; // half the side of the median's square, of the image's side
const LARGEST_MEDIAN = 6;
const BRIGHT = 3; // noises above the sky that belong to an object

const middleOf = (values) => {
  const ordered = Float32Array.from(values).sort();
  return ordered.length ? ordered[ordered.length >> 1] : NaN;
};

function gaussian(sigma) {
  const reach = Math.ceil(3 * sigma), weights = [];
  for (let step = -reach; step <= reach; step++) weights.push(Math.exp(-(step * step) / (2 * sigma * sigma)));
  return weights;
}

/** One pass of a blur along rows (stride 1) or columns; masked pixels do not count. */
function blurred(plane, { width, height }, weights, { along }) {
  const made = new Float32Array(plane.length), reach = weights.length >> 1;
  const limit = along === 'x' ? width : height, stride = along === 'x' ? 1 : width;
  for (let index = 0; index < plane.length; index++) {
    const at = along === 'x' ? index % width : Math.floor(index / width);
    let sum = 0, total = 0;
    for (let step = Math.max(-reach, -at); step <= reach && at + step < limit; step++) {
      const value = plane[index + step * stride];
      if (value === value) { sum += weights[step + reach] * value; total += weights[step + reach]; }
    }
    made[index] = total ? sum / total : NaN;
  }
  return made;
}

function smoothModel(plane, size) {
  const weights = gaussian(Math.max(1.2, SMOOTH_SHARE * Math.max(size.width, size.height)));
  return blurred(blurred(plane, size, weights, { along: 'x' }), size, weights, { along: 'y' });
}

function medianModel(plane, { width, height }) {
  const reach = Math.min(LARGEST_MEDIAN, Math.max(2, Math.round(MEDIAN_SHARE * Math.max(width, height))));
  return plane.map((_, index) => {
    const x = index % width, y = Math.floor(index / width), near = [];
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
        const value = plane[row * width + column];
        if (value === value) near.push(value);
      }
    }
    return middleOf(near);
  });
}

/** Axis ratio and direction of the light near the middle, from its second moments. */
function shapeOf(plane, { width, height }) {
  const middle = { x: (width - 1) / 2, y: (height - 1) / 2 }, reach = Math.min(width, height) / 4;
  let xx = 0, xy = 0, yy = 0;
  plane.forEach((flux, index) => {
    const x = (index % width) - middle.x, y = Math.floor(index / width) - middle.y;
    if (!(flux > BRIGHT) || x * x + y * y > reach * reach) return;
    xx += flux * x * x; xy += flux * x * y; yy += flux * y * y;
  });
  const sum = xx + yy, elongation = Math.hypot(xx - yy, 2 * xy);
  if (!sum) return { ...middle, ratio: 1, angle: 0 };
  return { ...middle, ratio: Math.max(0.3, Math.sqrt((sum - elongation) / (sum + elongation))), angle: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** The median in elliptical rings around the middle, one pixel wide: what a smooth galaxy looks like. */
function isophoteModel(plane, { width, height }) {
  const { x, y, ratio, angle } = shapeOf(plane, { width, height });
  const cos = Math.cos(angle), sin = Math.sin(angle);
  const radius = plane.map((_, index) => {
    const dx = (index % width) - x, dy = Math.floor(index / width) - y;
    return Math.hypot((dx * cos + dy * sin) * Math.sqrt(ratio), (dy * cos - dx * sin) / Math.sqrt(ratio));
  });
  const rings = Array.from({ length: Math.ceil(Math.max(...radius)) + 2 }, () => []);
  plane.forEach((flux, index) => { if (flux === flux) rings[Math.round(radius[index])].push(flux); });
  const profile = rings.map(middleOf);
  return radius.map((r) => {
    const inner = Math.floor(r), low = profile[inner], high = profile[inner + 1];
    if (Number.isNaN(high)) return low;
    return Number.isNaN(low) ? high : low + (r - inner) * (high - low);
  });
}

export const MODELS = {
  smooth: { label: 'smoothed', make: smoothModel },
  median: { label: 'median', make: medianModel },
  isophotes: { label: 'isophotes', make: isophoteModel },
  rotated: { label: 'rotated 180°', make: (plane) => Float32Array.from(plane).reverse() },
};

/** Return the residual from a model. */
export function residualOf(plane, size, model) {
  const smooth = MODELS[model].make(plane, size);
  return plane.map((flux, index) => flux - smooth[index]);
}

/** Return the factor that removes the bright middle of `red` from `blue`: the median ratio there. */
export function colourFactor(blue, red, { width, height }) {
  const reach = Math.max(2, Math.min(width, height) / 8), x = (width - 1) / 2, y = (height - 1) / 2, ratios = [];
  red.forEach((flux, index) => {
    const inside = Math.hypot((index % width) - x, Math.floor(index / width) - y) <= reach;
    if (inside && flux > BRIGHT && blue[index] === blue[index]) ratios.push(blue[index] / flux);
  });
  const factor = middleOf(ratios);
  return Number.isFinite(factor) && factor > 0 ? factor : 1;
}

/** Paint a plane with zero in the middle of the greys, up to the brightest half per cent. */
export function paintSigned(plane, { width, height }) {
  const image = new ImageData(width, height), target = new Uint32Array(image.data.buffer);
  const sizes = plane.filter((flux) => flux === flux).map(Math.abs).sort();
  const white = Math.max(5, sizes[Math.floor(0.995 * (sizes.length - 1))] ?? 5), soft = Math.min(2, white / 3);
  const whole = Math.asinh(white / soft);
  plane.forEach((flux, index) => {
    const share = Math.min(1, Math.max(-1, Math.asinh(flux / soft) / whole));
    const grey = flux === flux ? Math.round(share < 0 ? 96 * (1 + share) : 96 + 159 * share) : 46;
    target[index] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  });
  return image;
}

/** The groups that can be shown or not, with their keys (with Shift). */
export const GROUPS = {
  bands: { label: 'Bands', key: 'g', meaning: 'each band on its own' },
  colours: { label: 'Colours', key: 'c', meaning: 'other colour composites' },
  stretches: { label: 'Stretches', key: 's', meaning: 'all stretches side by side' },
  residual: { label: 'Residual', key: 'r', meaning: 'residual from a smooth or rotated model' },
  difference: { label: 'Difference', key: 'd', meaning: 'one band minus α times another' },
};

/** Return other choices of three (or, of few bands, two) bands than the one chosen, red first. */
function composites(bands, rgb) {
  const indices = bands.map((_, index) => index), made = [];
  if (bands.length === 3) indices.forEach((blue) => indices.slice(blue + 1).forEach((red) => made.push([red, blue])));
  for (let first = 0; bands.length > 3 && first + 2 < bands.length; first++) made.push([first + 2, first + 1, first]);
  return made.filter((one) => String(one) !== String(rgb)).slice(0, MOST_COMPOSITES);
}

/** Return the panels to show, each {id, label}; `view` holds panels, model and difference of the settings. */
export function panelsOf({ bands, rgb, luminance = null, composite = null, view, stretch }) {
  const shown = new Set(view.panels);
  const names = rgb.map((band) => bands[band]);
  const model = MODELS[view.model] ? view.model : 'smooth';
  const residual = MODELS[model].label;
  const panels = [{ id: 'colour', label: captionOf(names) + (luminance === null ? '' : `, ${bands[luminance]} as luminance`) }];
  if (shown.has('bands') && bands.length > 1) panels.push(...bands.map((name, band) => ({ id: `band ${band}`, label: name })));
  if (shown.has('colours')) {
    if (luminance !== null) panels.push({ id: `composite ${rgb}`, label: captionOf(names) });
    else if (composite) panels.push({ id: `composite ${composite[0]} ${composite[1]}`, label: `${bands[composite[1]]} over ${composite[0].map((band) => bands[band]).join(' ')}` });
    panels.push(...composites(bands, rgb).map((one) => ({ id: `composite ${one}`, label: one.map((band) => bands[band]).join(' ') })));
  }
  if (shown.has('stretches')) {
    panels.push(...STRETCHES.filter((name) => name !== stretch).map((name) => ({ id: `stretch ${name}`, label: STRETCH_WORDS[name] })));
  }
  if (shown.has('residual')) {
    panels.push({ id: 'residual', label: `− ${residual}`, control: 'model' });
    if (rgb.length > 1) panels.push(...rgb.map((band) => ({ id: `residual ${band}`, label: `${bands[band]} − ${residual}` })));
  }
  if (shown.has('difference') && bands.length > 1) panels.push({ id: 'difference', label: '', control: 'difference' });
  return panels;
}

function captionOf(names) {
  if (names.length === 1) return names[0];
  return names.length === 2 ? `${names.join(' and ')} as red and blue` : `${names.join(' ')} as red green blue`;
}

/** Paints the panels of one candidate; models are computed when first wanted. */
export class PanelPainter {
  constructor(raw, { display, rgb, luminance = null, gains, noise, view }) {
    Object.assign(this, { raw, display, rgb, luminance, gains, noise, view });
    this.size = { width: raw.width, height: raw.height };
    this.residuals = new Map();
  }

  paint(id) {
    const [kind, which, over] = id.split(' ');
    const { raw, display, rgb, luminance, gains } = this;
    if (kind === 'band') return new Painter(raw, display, { rgb: [Number(which)] }, gains).paint(0);
    if (kind === 'composite') return new Painter(raw, display, { rgb: which.split(',').map(Number), luminance: over === undefined ? null : Number(over) }, gains).paint(0);
    if (kind === 'stretch') return new Painter(raw, { ...display, stretch: which }, { rgb, luminance }, gains).paint(0);
    if (kind === 'residual') return which === undefined ? this.residualColours() : paintSigned(this.residual(Number(which)), this.size);
    if (kind === 'difference') return paintSigned(this.difference().plane, this.size);
    return new Painter(raw, display, { rgb, luminance }, gains).paint(0);
  }

  residual(band) {
    if (!this.residuals.has(band)) this.residuals.set(band, residualOf(fluxOf(this.raw, band), this.size, this.view.model));
    return this.residuals.get(band);
  }

  residualColours() {
    const { rgb, gains } = this;
    const residuals = rawOf(rgb.map((band) => this.residual(band)), this.size);
    return new Painter(residuals, this.display, { rgb: rgb.map((_, index) => index) }, rgb.map((band) => gains[band])).paint(0);
  }

  /** Return blue − α · red in units of its noise, and α in the fluxes of the source. */
  difference() {
    const [first, last] = [Math.min(...this.rgb), Math.max(...this.rgb)];
    const { blue = first, red = last } = this.view.difference;
    const minuend = fluxOf(this.raw, blue), taken = fluxOf(this.raw, red), units = this.noise[blue] / this.noise[red];
    const alpha = this.view.alpha ?? colourFactor(minuend, taken, this.size) * units;
    const share = alpha / units, noise = Math.hypot(1, share);
    return { blue, red, alpha, plane: minuend.map((flux, band) => (flux - share * taken[band]) / noise) };
  }
}
