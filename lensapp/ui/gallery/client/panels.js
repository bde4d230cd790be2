// What the single view can show side by side: bands, composites, stretches, residuals, and how each is painted.
// Planes are Float32Array in units of the noise above the sky, row by row, NaN where masked.

import { Painter, STRETCH_WORDS, fluxOf, rawOf, stretchesOf } from "./stretch.js";

const MOST_COMPOSITES = 6;
const SMOOTH_SHARE = 0.05; // width of the Gaussian, of the image's side
const MEDIAN_SHARE = 0.06; // half the side of the median's square, of the image's side
const LARGEST_MEDIAN = 6;
const MEDIAN_SIDE = 128, COARSE_SIDE = 96; // pixels; of images larger than the first the median is that of means of squares
const BRIGHT = 3; // noises above the sky that belong to an object
const CENTRE_WINDOW = 3, WINDOW_SHARE = 0.012; // pixels, or of the side if more: standard deviation of what is weighed for the centre
const CENTRE_ROUNDS = 12;
const CENTRE_SHARE = 0.1; // of the side that the centre may lie from the middle
const HUE_BLUR = 1.5; // pixels over which the hue of faint light is averaged

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

/** The median of a square around each pixel; of large images at coarser pixels, between which it is interpolated. */
function medianModel(plane, size) {
  const side = Math.max(size.width, size.height), step = Math.ceil(side / COARSE_SIDE);
  if (side <= MEDIAN_SIDE) return mediansOf(plane, size);
  const coarse = binned(plane, size, step);
  return spread(mediansOf(coarse.plane, coarse), coarse, size, step);
}

function mediansOf(plane, { width, height }) {
  const reach = Math.min(LARGEST_MEDIAN, Math.max(2, Math.round(MEDIAN_SHARE * Math.max(width, height))));
  const near = new Float32Array((2 * reach + 1) ** 2);
  return plane.map((_, index) => {
    const x = index % width, y = Math.floor(index / width);
    let found = 0;
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
        const value = plane[row * width + column];
        if (value === value) near[found++] = value;
      }
    }
    return found ? near.subarray(0, found).sort()[found >> 1] : NaN;
  });
}

/** The mean of each square of `step` pixels, without masked ones: {plane, width, height}. */
function binned(plane, { width, height }, step) {
  const across = Math.ceil(width / step), down = Math.ceil(height / step);
  const sums = new Float32Array(across * down), counts = new Uint32Array(across * down);
  plane.forEach((value, index) => {
    const bin = Math.floor(index / width / step) * across + Math.floor((index % width) / step);
    if (value === value) { sums[bin] += value; counts[bin]++; }
  });
  return { plane: sums.map((sum, bin) => (counts[bin] ? sum / counts[bin] : NaN)), width: across, height: down };
}

/** A coarse plane at every pixel, interpolated between the middles of its squares. */
function spread(coarse, { width: across, height: down }, { width, height }, step) {
  const made = new Float32Array(width * height);
  for (let index = 0; index < made.length; index++) {
    const x = Math.min(across - 1, Math.max(0, ((index % width) + 0.5) / step - 0.5));
    const y = Math.min(down - 1, Math.max(0, (Math.floor(index / width) + 0.5) / step - 0.5));
    const left = Math.floor(x), top = Math.floor(y), right = Math.min(left + 1, across - 1), below = Math.min(top + 1, down - 1);
    let sum = 0, total = 0;
    for (const [column, row, share] of [
      [left, top, (1 - x + left) * (1 - y + top)], [right, top, (x - left) * (1 - y + top)],
      [left, below, (1 - x + left) * (y - top)], [right, below, (x - left) * (y - top)],
    ]) {
      const value = coarse[row * across + column];
      if (share && value === value) { sum += share * value; total += share; }
    }
    made[index] = total ? sum / total : NaN;
  }
  return made;
}

/** Where the brightest light near the middle is, that further off counting less; null where nothing stands out there. */
function brightestNear(middle, farthest, plane, { width, height }, window) {
  const reach = Math.round(window);
  let best = null, most = 0;
  for (let y = Math.max(0, Math.ceil(middle.y - farthest)); y <= Math.min(height - 1, middle.y + farthest); y++) {
    for (let x = Math.max(0, Math.ceil(middle.x - farthest)); x <= Math.min(width - 1, middle.x + farthest); x++) {
      const away = Math.hypot(x - middle.x, y - middle.y);
      if (away > farthest || !(plane[y * width + x] > BRIGHT)) continue;
      let sum = 0;
      for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
        for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) sum += plane[row * width + column] || 0;
      }
      const weight = sum * Math.exp(-2 * (away / farthest) ** 2);
      if (weight > most) [best, most] = [{ x, y }, weight];
    }
  }
  return best;
}

/**
 * The centre of the brightest light near the middle of the image, to a part of a pixel: a model about another point would
 * leave a bright and a dark half. It is where the image has its middle if nothing there stands out, or lies far from it.
 */
export function centreOf(plane, size) {
  const { width, height } = size, side = Math.min(width, height), window = Math.max(CENTRE_WINDOW, WINDOW_SHARE * side);
  const middle = { x: (width - 1) / 2, y: (height - 1) / 2 }, farthest = Math.max(2, CENTRE_SHARE * side);
  const reach = Math.ceil(3 * window);
  let at = brightestNear(middle, farthest, plane, size, window);
  if (!at) return middle;
  for (let round = 0; round < CENTRE_ROUNDS; round++) {
    let sum = 0, sx = 0, sy = 0;
    for (let y = Math.max(0, Math.round(at.y) - reach); y <= Math.min(height - 1, Math.round(at.y) + reach); y++) {
      for (let x = Math.max(0, Math.round(at.x) - reach); x <= Math.min(width - 1, Math.round(at.x) + reach); x++) {
        const flux = plane[y * width + x];
        if (!(flux > BRIGHT)) continue;
        const weight = flux * Math.exp(-((x - at.x) ** 2 + (y - at.y) ** 2) / (2 * window ** 2));
        sum += weight; sx += weight * (x - at.x); sy += weight * (y - at.y);
      }
    }
    if (!sum) return middle;
    at = { x: at.x + (2 * sx) / sum, y: at.y + (2 * sy) / sum }; // twice: the window holds the light back by half
    if (Math.hypot(at.x - middle.x, at.y - middle.y) > farthest) return middle;
  }
  return at;
}

/** Half a turn about the centre of the light, interpolated between pixels. */
function rotatedModel(plane, size) {
  const { width, height } = size, { x: cx, y: cy } = centreOf(plane, size);
  return plane.map((_, index) => {
    const x = 2 * cx - (index % width), y = 2 * cy - Math.floor(index / width), left = Math.floor(x), top = Math.floor(y);
    let sum = 0, total = 0;
    for (const [column, row] of [[left, top], [left + 1, top], [left, top + 1], [left + 1, top + 1]]) {
      const share = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row)), value = plane[row * width + column];
      if (share <= 0 || column < 0 || row < 0 || column >= width || row >= height || value !== value) continue;
      sum += share * value; total += share;
    }
    return total > 0.5 ? sum / total : 0;
  });
}

/** Axis ratio and direction of the light near the middle, from its second moments. */
function shapeOf(plane, { width, height }) {
  const middle = centreOf(plane, { width, height }), reach = Math.min(width, height) / 4;
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
  const farthest = radius.reduce((most, one) => Math.max(most, one), 0); // spread, the pixels would be too many arguments
  const rings = Array.from({ length: Math.ceil(farthest) + 2 }, () => []);
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
  rotated: { label: 'rotated 180°', make: rotatedModel },
};

const isMasked = (plane) => plane.every((flux) => flux !== flux);

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

/**
 * Return an answer of /raw whose faint pixels have the hue of their surroundings: at large size the noise of three
 * bands is loud colour. How bright a pixel is stays, and so does the hue of what is well above the noise.
 */
export function calmed(raw, rgb, gains) {
  if (rgb.length < 2) return raw;
  const size = { width: raw.width, height: raw.height }, weights = gaussian(HUE_BLUR), n = rgb.length;
  const planes = rgb.map((band) => fluxOf(raw, band).map((flux) => flux * gains[band]));
  const smooth = planes.map((plane) => blurred(blurred(plane, size, weights, { along: 'x' }), size, weights, { along: 'y' }));
  const faint = (BRIGHT * middleOf(rgb.map((band) => gains[band]))) ** 2, mean = (of, index) => of.reduce((sum, plane) => sum + plane[index], 0) / n;
  const painted = planes.map(() => new Float32Array(size.width * size.height));
  for (let index = 0; index < size.width * size.height; index++) {
    const own = mean(planes, index), around = mean(smooth, index), share = faint / (faint + around * around);
    for (let band = 0; band < n; band++) {
      const hue = planes[band][index] - own;
      painted[band][index] = (own + hue + share * (smooth[band][index] - around - hue)) / gains[rgb[band]];
    }
  }
  const made = rawOf(painted, size), codes = raw.codes.slice(), pixels = size.width * size.height;
  rgb.forEach((band, place) => {
    for (let index = 0; index < pixels; index++) {
      const code = made.codes[place * pixels + index];
      if (code) codes[band * pixels + index] = code; // one that is masked in a band stays as it is
    }
  });
  return { ...raw, codes };
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
export function panelsOf({ bands, rgb, luminance = null, composite = null, given = null, view, stretch }) {
  const shown = new Set(view.panels);
  const names = rgb.map((band) => bands[band]);
  const model = MODELS[view.model] ? view.model : 'isophotes';
  const residual = MODELS[model].label;
  const panels = [{ id: 'colour', label: captionOf(names) + (luminance === null ? '' : `, ${bands[luminance]} as luminance`) }];
  if (shown.has('bands') && bands.length > 1) panels.push(...bands.map((name, band) => ({ id: `band ${band}`, label: name })));
  if (shown.has('colours') && !given) {
    if (luminance !== null) panels.push({ id: `composite ${rgb}`, label: captionOf(names) });
    else if (composite) panels.push({ id: `composite ${composite[0]} ${composite[1]}`, label: `${bands[composite[1]]} over ${composite[0].map((band) => bands[band]).join(' ')}` });
    panels.push(...composites(bands, rgb).map((one) => ({ id: `composite ${one}`, label: one.map((band) => bands[band]).join(' ') })));
  }
  if (shown.has('stretches')) {
    panels.push(...stretchesOf({ given }).filter((name) => name !== stretch).map((name) => ({ id: `stretch ${name}`, label: STRETCH_WORDS[name] })));
  }
  if (shown.has('residual')) {
    panels.push({ id: 'residual', label: `− ${residual}`, control: 'model' });
    if (rgb.length > 1) panels.push(...[...rgb].sort((one, other) => one - other).map((band) => ({ id: `residual ${band}`, label: `${bands[band]} − ${residual}` })));
  }
  if (shown.has('difference') && bands.length > 1) panels.push({ id: 'difference', label: '', control: 'difference' });
  return panels;
}

function captionOf(names) {
  if (names.length === 1) return names[0];
  return names.length === 2 ? `${names.join(' and ')} as red and blue` : `${names.join(' ')} as red green blue`;
}

const calmRaws = new WeakMap(); // the sliders of the levels draw many times from the same pixels

/** Why a panel has no picture, in words to stand in its place. */
export class NoPicture extends Error {}

/** Paints the panels of one candidate; models are computed when first wanted. */
export class PanelPainter {
  constructor(raw, { display, rgb, luminance = null, optics, view }) {
    Object.assign(this, { raw, display, rgb, luminance, optics, view });
    this.size = { width: raw.width, height: raw.height };
    this.residuals = new Map();
  }

  /** Return the picture of a panel; throw NoPicture where there is none. */
  paint(id) {
    const [kind, which, over] = id.split(' ');
    const { raw, display, rgb, luminance, optics } = this;
    if (kind === 'band') return new Painter(raw, display, { rgb: [Number(which)] }, optics).paint(0);
    if (kind === 'composite') {
      const bands = which.split(',').map(Number);
      return new Painter(this.calm(bands), display, { rgb: bands, luminance: over === undefined ? null : Number(over) }, optics).paint(0);
    }
    if (kind === 'stretch') return new Painter(this.calm(rgb), { ...display, stretch: which }, { rgb, luminance }, optics).paint(0);
    if (kind === 'residual') {
      const wanted = which === undefined ? rgb : [Number(which)];
      if (wanted.every((band) => isMasked(this.residual(band)))) throw new NoPicture('No residual: every pixel is masked.');
      return which === undefined ? this.residualColours() : paintSigned(this.residual(Number(which)), this.size);
    }
    if (kind === 'difference') {
      const { plane } = this.difference();
      if (isMasked(plane)) throw new NoPicture('No difference: no pixel is there in both bands.');
      return paintSigned(plane, this.size);
    }
    return new Painter(this.calm(rgb), display, { rgb, luminance }, optics).paint(0);
  }

  /** Return the pixels with the colour noise of faint light averaged, but of pictures and where pixels are to be seen one by one. */
  calm(rgb) {
    if (this.view.pixels || this.optics.given) return this.raw;
    if (!calmRaws.has(this.raw)) calmRaws.set(this.raw, new Map());
    const made = calmRaws.get(this.raw), key = String(rgb);
    if (!made.has(key)) made.set(key, calmed(this.raw, rgb, this.optics.gains));
    return made.get(key);
  }

  residual(band) {
    if (!this.residuals.has(band)) this.residuals.set(band, residualOf(fluxOf(this.raw, band), this.size, this.view.model));
    return this.residuals.get(band);
  }

  residualColours() {
    const { rgb, optics: { gains } } = this;
    const residuals = rawOf(rgb.map((band) => this.residual(band)), this.size);
    return new Painter(residuals, this.display, { rgb: rgb.map((_, index) => index) }, { gains: rgb.map((band) => gains[band]) }).paint(0);
  }

  /** Return blue − α · red in units of its noise, and α in the fluxes of the source. */
  difference() {
    const [first, last] = [Math.min(...this.rgb), Math.max(...this.rgb)];
    const { blue = first, red = last } = this.view.difference;
    const minuend = fluxOf(this.raw, blue), taken = fluxOf(this.raw, red), { noise } = this.optics, units = noise[blue] / noise[red];
    const alpha = this.view.alpha ?? colourFactor(minuend, taken, this.size) * units;
    const share = alpha / units, width = Math.hypot(1, share);
    return { blue, red, alpha, plane: minuend.map((flux, band) => (flux - share * taken[band]) / width) };
  }
}
