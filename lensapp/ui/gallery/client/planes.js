// Images derived from the pixels of one band or two: models of the smooth light, and what they leave over.
// Planes are Float32Array in units of the noise above the sky, row by row, NaN where masked.

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
  for (let place = 0; place < plane.length; place++) {
    const at = along === 'x' ? place % width : Math.floor(place / width);
    let sum = 0, total = 0;
    for (let step = Math.max(-reach, -at); step <= reach && at + step < limit; step++) {
      const value = plane[place + step * stride];
      if (value === value) { sum += weights[step + reach] * value; total += weights[step + reach]; }
    }
    made[place] = total ? sum / total : NaN;
  }
  return made;
}

function smoothModel(plane, size) {
  const weights = gaussian(Math.max(1.2, SMOOTH_SHARE * Math.max(size.width, size.height)));
  return blurred(blurred(plane, size, weights, { along: 'x' }), size, weights, { along: 'y' });
}

function medianModel(plane, { width, height }) {
  const reach = Math.min(LARGEST_MEDIAN, Math.max(2, Math.round(MEDIAN_SHARE * Math.max(width, height))));
  return plane.map((_, place) => {
    const x = place % width, y = Math.floor(place / width), near = [];
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
  plane.forEach((flux, place) => {
    const x = (place % width) - middle.x, y = Math.floor(place / width) - middle.y;
    if (!(flux > BRIGHT) || x * x + y * y > reach * reach) return;
    xx += flux * x * x; xy += flux * x * y; yy += flux * y * y;
  });
  const sum = xx + yy, turn = Math.hypot(xx - yy, 2 * xy);
  if (!sum) return { ...middle, ratio: 1, angle: 0 };
  return { ...middle, ratio: Math.max(0.3, Math.sqrt((sum - turn) / (sum + turn))), angle: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** The median in elliptical rings around the middle, one pixel wide: what a smooth galaxy looks like. */
function isophoteModel(plane, { width, height }) {
  const { x, y, ratio, angle } = shapeOf(plane, { width, height });
  const cos = Math.cos(angle), sin = Math.sin(angle);
  const radius = plane.map((_, place) => {
    const dx = (place % width) - x, dy = Math.floor(place / width) - y;
    return Math.hypot((dx * cos + dy * sin) * Math.sqrt(ratio), (dy * cos - dx * sin) / Math.sqrt(ratio));
  });
  const rings = Array.from({ length: Math.ceil(Math.max(...radius)) + 2 }, () => []);
  plane.forEach((flux, place) => { if (flux === flux) rings[Math.round(radius[place])].push(flux); });
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
  rotated: { label: 'turned 180°', make: (plane) => Float32Array.from(plane).reverse() },
};

/** Return what a model leaves over. */
export function residualOf(plane, size, model) {
  const smooth = MODELS[model].make(plane, size);
  return plane.map((flux, place) => flux - smooth[place]);
}

/** Return the factor that removes the bright middle of `red` from `blue`: the median ratio there. */
export function colourFactor(blue, red, { width, height }) {
  const reach = Math.max(2, Math.min(width, height) / 8), x = (width - 1) / 2, y = (height - 1) / 2, ratios = [];
  red.forEach((flux, place) => {
    const inside = Math.hypot((place % width) - x, Math.floor(place / width) - y) <= reach;
    if (inside && flux > BRIGHT && blue[place] === blue[place]) ratios.push(blue[place] / flux);
  });
  const found = middleOf(ratios);
  return Number.isFinite(found) && found > 0 ? found : 1;
}

/** Paint a plane with zero in the middle of the greys, up to the brightest half per cent. */
export function paintSigned(plane, { width, height }) {
  const image = new ImageData(width, height), target = new Uint32Array(image.data.buffer);
  const sizes = plane.filter((flux) => flux === flux).map(Math.abs).sort();
  const white = Math.max(5, sizes[Math.floor(0.995 * (sizes.length - 1))] ?? 5), soft = Math.min(2, white / 3);
  const whole = Math.asinh(white / soft);
  plane.forEach((flux, place) => {
    const share = Math.min(1, Math.max(-1, Math.asinh(flux / soft) / whole));
    const grey = flux === flux ? Math.round(share < 0 ? 96 * (1 + share) : 96 + 159 * share) : 46;
    target[place] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  });
  return image;
}
