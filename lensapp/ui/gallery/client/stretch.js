// Pixels to colours in the browser: the same curves as lensapp/core/data/imaging.py, on companded codes.

export const STRETCH_WORDS = {
  soft: 'soft Lupton', lupton: 'Lupton', asinh: 'asinh', mtf: 'MTF', log: 'log', sqrt: 'square root', linear: 'linear',
  zscale: 'zscale', percentile: 'percentile', given: 'as in the file',
};

/** Those of 8-bit pictures, as they are first: in them nothing is faint that others would bring out. */
const OF_PICTURES = ['given', 'linear', 'sqrt', 'percentile'];

/** Return the stretches of a source. */
export const stretchesOf = ({ given }) => (given ? OF_PICTURES : Object.keys(STRETCH_WORDS).filter((name) => name !== 'given'));
export const NO_LUMINANCE = 'none';

const ZERO = 32768;
const STEP = 22.5 / 32767;
const MASKED_ABGR = 0xff2e2626;
const CACHED_TABLES = 48;
const ZSCALE_SAMPLES = 1000;
const ZSCALE_CONTRAST = 0.25;
const ZSCALE_SIGMAS = 2.5;
const BRIGHTEST_SHARE = 1e-3; // of the pixels of a cutout that may be brighter than white
const BRIGHTEST_SAMPLE = 16384;
const SHADOWS = 2.8; // noises below the sky where MTF begins
const LUMA = [0.2126, 0.7152, 0.0722]; // ITU-R BT.709

const FLUX_OF_CODE = new Float32Array(65536).map((_, code) => Math.sinh((code - ZERO) * STEP));

const median = (values) => {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
};

const byte = (share) => (share <= 0 ? 0 : share >= 1 ? 255 : (255 * share + 0.5) | 0);

/** Return which bands of a source are shown, as indices: {rgb, luminance}; the luminance is null where there is none. */
export function shownBands({ bands, rgb, composite }, display) {
  const named = display.rgb.map((name) => bands.indexOf(name)), chosen = named.length && !named.includes(-1) ? named : null;
  const asked = bands.indexOf(display.luminance);
  if (asked >= 0) return { rgb: chosen ?? composite?.[0] ?? rgb, luminance: asked };
  if (composite && !chosen && display.luminance !== NO_LUMINANCE) return { rgb: composite[0], luminance: composite[1] };
  return { rgb: chosen ?? rgb, luminance: null };
}

/** The midtones transfer function: 0 stays 0, `midtone` becomes a half, 1 stays 1. */
export function midtones(level, midtone) {
  return ((midtone - 1) * level) / ((2 * midtone - 1) * level - midtone);
}

/** Read the answer of /raw: counts, then codes laid out cutout, band, row, column. */
export function parseRaw(buffer) {
  const [count, bands, height, width] = new Int32Array(buffer, 0, 4);
  const codes = new Uint16Array(buffer, 16);
  return { count, bands, height, width, codes, weight: codes.length / 2 };
}

/** Return pixels of one band in units of its noise above the sky, NaN where masked. */
export function fluxOf(raw, band) {
  const pixels = raw.height * raw.width, codes = raw.codes.subarray(band * pixels, (band + 1) * pixels);
  return Float32Array.from(codes, (code) => (code ? FLUX_OF_CODE[code] : NaN));
}

/** Return planes of flux as an answer of /raw holds them, so that a Painter can draw them. */
export function rawOf(planes, { width, height }) {
  const codes = new Uint16Array(planes.length * width * height);
  planes.forEach((plane, band) => plane.forEach((flux, index) => {
    if (!Number.isNaN(flux)) codes[band * width * height + index] = Math.min(65535, Math.max(1, Math.round(Math.asinh(flux) / STEP) + ZERO));
  }));
  return { count: 1, bands: planes.length, height, width, codes, weight: codes.length / 2 };
}

/** Return the function from flux above black to brightness 0…1. */
function curveOf(stretch, soft, white) {
  const bend = white / soft;
  const clipped = (flux) => Math.min(1, Math.max(0, flux / white));
  if (stretch === 'linear') return clipped;
  if (stretch === 'sqrt') return (flux) => Math.sqrt(clipped(flux));
  if (stretch === 'log') {
    const whole = Math.log1p(bend);
    return (flux) => Math.log1p(bend * clipped(flux)) / whole;
  }
  const whole = Math.asinh(bend);
  return (flux) => Math.asinh(bend * clipped(flux)) / whole;
}

/** Black, bend and white in units of a typical galaxy's brightness. */
function limitsOf(display, gains) {
  const noise = median(gains);
  const black = display.black * noise;
  const soft = display.softening * noise;
  return { black, soft, white: Math.max(display.white - black, soft) };
}

const tableCache = new Map();

/** One table of bytes per band: the stretches that treat each band by itself. The newest are kept. */
function bandTables(display, gains) {
  const limits = limitsOf(display, gains);
  return gains.map((gain) => {
    const key = [display.stretch, gain, ...Object.values(limits)].join(' ');
    if (!tableCache.has(key)) tableCache.set(key, bandTable(display.stretch, gain, limits));
    if (tableCache.size > CACHED_TABLES) tableCache.delete(tableCache.keys().next().value);
    return tableCache.get(key);
  });
}

function bandTable(stretch, gain, { black, soft, white }) {
  const curve = curveOf(stretch, soft, white), table = new Uint8Array(65536);
  for (let code = 0; code < 65536; code++) table[code] = byte(curve((code ? FLUX_OF_CODE[code] * gain : 0) - black));
  return table;
}

function sampled(codes, start, pixels) {
  const fluxes = [];
  for (let index = 0; index < pixels; index++) {
    if (codes[start + index]) fluxes.push(FLUX_OF_CODE[codes[start + index]]);
  }
  return fluxes;
}

function fittedLine(sample, rejected) {
  let n = 0, sx = 0, sy = 0;
  for (let x = 0; x < sample.length; x++) if (!rejected[x]) { n++; sx += x; sy += sample[x]; }
  const mx = sx / n, my = sy / n;
  let spread = 0, product = 0;
  for (let x = 0; x < sample.length; x++) {
    if (!rejected[x]) { spread += (x - mx) ** 2; product += (x - mx) * (sample[x] - my); }
  }
  const slope = spread ? product / spread : 0;
  return { slope, start: my - slope * mx };
}

function rejectOutliers(sample, rejected, { slope, start }) {
  let n = 0, sum = 0, squares = 0;
  const rest = sample.map((value, x) => value - (slope * x + start));
  rest.forEach((value, x) => { if (!rejected[x]) { n++; sum += value; squares += value * value; } });
  const limit = ZSCALE_SIGMAS * Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
  const grow = Math.max(1, Math.floor(sample.length * 0.01));
  const flagged = rest.map((value, x) => rejected[x] || Math.abs(value) > limit);
  rejected.fill(0);
  flagged.forEach((bad, x) => {
    if (bad) rejected.fill(1, Math.max(0, x - ((grow - 1) >> 1)), x + (grow >> 1) + 1);
  });
  return rejected.reduce((remaining, bad) => remaining + (bad ? 0 : 1), 0);
}

/** Black and white as IRAF's zscale chooses them. */
export function zscaleLimits(values) {
  const stride = Math.max(1, Math.floor(values.length / ZSCALE_SAMPLES));
  const sample = values.filter((_, index) => index % stride === 0).slice(0, ZSCALE_SAMPLES);
  sample.sort((a, b) => a - b);
  const size = sample.length, low = sample[0], high = sample[size - 1];
  const smallest = Math.max(5, Math.floor(size / 2));
  const rejected = new Uint8Array(size);
  let remaining = size, before = size + 1, line = { slope: 0, start: 0 };
  for (let round = 0; round < 5 && remaining < before && remaining >= smallest; round++) {
    line = fittedLine(sample, rejected);
    before = remaining;
    remaining = rejectOutliers(sample, rejected, line);
  }
  if (remaining < smallest) return [low, high];
  const slope = line.slope / ZSCALE_CONTRAST, centre = (size - 1) >> 1, middle = median(sample);
  return [Math.max(low, middle - (centre - 1) * slope), Math.min(high, middle + (size - centre) * slope)];
}

function percentileLimits(values, percentile) {
  const ordered = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const rank = share * (ordered.length - 1), below = Math.floor(rank);
    const above = Math.min(below + 1, ordered.length - 1);
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below]);
  };
  const tail = (100 - percentile) / 200;
  return [at(tail), at(1 - tail)];
}

/** One table of bytes between two limits in units of noise. */
function linearTable(low, high) {
  const table = new Uint8Array(65536), width = high - low || 1;
  for (let code = 0; code < 65536; code++) table[code] = byte(((code ? FLUX_OF_CODE[code] : 0) - low) / width);
  return table;
}

/** One table of bytes for one band of one cutout: zscale and percentile. */
function cutoutTable(display, codes, start, pixels) {
  const fluxes = sampled(codes, start, pixels);
  if (!fluxes.length) return new Uint8Array(65536);
  return linearTable(...(display.stretch === 'zscale' ? zscaleLimits(fluxes) : percentileLimits(fluxes, display.percentile)));
}

/** Draws cutouts of one answer of /raw; make a new one whenever the display changes. */
export class Painter {
  /**
   * @param raw answer of parseRaw
   * @param shown {rgb, luminance}: indices of the bands shown as red, green, blue (one is grey, of two green is the
   * mean), and of the band that gives the brightness
   * @param optics {gains, given}: factor from units of noise to units of brightness, per band; black and white of
   * 8-bit pictures per band, in units of noise
   */
  constructor(raw, display, { rgb, luminance = null }, { gains, given = null }) {
    this.raw = raw;
    const asGiven = display.stretch === 'given' && given;
    this.display = display.stretch === 'given' && !given ? { ...display, stretch: 'soft' } : display;
    this.rgb = rgb;
    this.gains = rgb.map((band) => gains[band]);
    this.grey = luminance === null ? null : new Painter(raw, display, { rgb: [luminance] }, { gains, given });
    const { stretch } = this.display;
    this.perCutout = stretch === 'zscale' || stretch === 'percentile';
    this.keepsColour = stretch === 'soft' || (stretch === 'lupton' && rgb.length > 1);
    if (asGiven) this.tables = rgb.map((band) => linearTable(given[0][band], given[1][band]));
    else if (!this.perCutout && !this.keepsColour && stretch !== 'mtf') this.tables = bandTables(this.display, this.gains);
    this.image = new ImageData(raw.width, raw.height);
    this.target = new Uint32Array(this.image.data.buffer);
  }

  /** Return cutout number `index` as ImageData, which the next call reuses. */
  paint(index) {
    const { raw, rgb } = this;
    const pixels = raw.height * raw.width;
    const starts = rgb.map((band) => (index * raw.bands + band) * pixels);
    if (this.keepsColour) this.paintRatios(starts, pixels);
    else if (this.display.stretch === 'mtf') this.paintMidtones(starts, pixels);
    else this.paintTables(starts, pixels);
    if (this.grey) this.lighten(this.grey.paint(index).data);
    return this.image;
  }

  paintTables(starts, pixels) {
    const { codes } = this.raw;
    const tables = this.perCutout
      ? starts.map((start) => cutoutTable(this.display, codes, start, pixels))
      : this.tables;
    const last = starts.length - 1;
    for (let index = 0; index < pixels; index++) {
      const a = codes[starts[0] + index], c = codes[starts[last] + index];
      const b = last === 2 ? codes[starts[1] + index] : 0;
      if (!a && !b && !c) { this.target[index] = MASKED_ABGR; continue; }
      const red = tables[0][a], blue = tables[last][c];
      const green = last === 2 ? tables[1][b] : (red + blue + 1) >> 1;
      this.target[index] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }

  /** Lupton's stretch; the soft one pales, where colours are brighter than the screen, and darkens nothing. */
  paintRatios(starts, pixels) {
    const { codes } = this.raw, { gains } = this, n = starts.length, pales = this.display.stretch === 'soft';
    const { black, soft, white: least } = limitsOf(this.display, gains);
    const white = pales ? Math.max(least, this.brightest(starts, pixels) - black) : least;
    const whole = Math.asinh(white / soft), dimmest = 1e-6 * white, flux = [0, 0, 0];
    for (let index = 0; index < pixels; index++) {
      let sum = 0, seen = 0, total = 0, top = 0;
      for (let band = 0; band < n; band++) {
        const code = codes[starts[band] + index];
        if (code) seen = 1;
        flux[band] = (code ? FLUX_OF_CODE[code] * gains[band] : 0) - black;
        sum += flux[band];
      }
      if (!seen) { this.target[index] = MASKED_ABGR; continue; }
      const intensity = Math.max(sum / n, dimmest), factor = Math.asinh(intensity / soft) / whole / intensity;
      for (let band = 0; band < n; band++) {
        flux[band] = Math.max(0, flux[band]) * factor;
        total += flux[band];
        top = Math.max(top, flux[band]);
      }
      if (top > 1) {
        const grey = pales ? Math.min(1, total / n) : 0, room = (1 - grey) / Math.max(1e-6, top - grey);
        for (let band = 0; band < n; band++) flux[band] = grey + (flux[band] - grey) * room;
      }
      this.put(index, flux, n);
    }
  }

  /** The midtones transfer function that gives the sky its brightness, the same for all bands. */
  paintMidtones(starts, pixels) {
    const { codes } = this.raw, { gains, display } = this, n = starts.length, shadows = -SHADOWS * median(gains);
    const width = Math.max(display.white, this.brightest(starts, pixels)) - shadows;
    const midtone = midtones(-shadows / width, display.background), levels = [0, 0, 0];
    for (let index = 0; index < pixels; index++) {
      let seen = 0;
      for (let band = 0; band < n; band++) {
        const code = codes[starts[band] + index];
        if (code) seen = 1;
        const level = ((code ? FLUX_OF_CODE[code] * gains[band] : 0) - shadows) / width;
        levels[band] = midtones(Math.min(1, Math.max(0, level)), midtone);
      }
      if (seen) this.put(index, levels, n);
      else this.target[index] = MASKED_ABGR;
    }
  }

  put(index, levels, n) {
    const red = levels[0], blue = levels[n - 1], green = n === 3 ? levels[1] : (red + blue) / 2;
    this.target[index] = 0xff000000 | (byte(blue) << 16) | (byte(green) << 8) | byte(red);
  }

  /** Return the mean flux that one pixel of a cutout in a thousand exceeds. */
  brightest(starts, pixels) {
    const { codes } = this.raw, { gains } = this, n = starts.length;
    const step = Math.max(1, Math.floor(pixels / BRIGHTEST_SAMPLE)), count = Math.ceil(pixels / step);
    const largest = new Float64Array(Math.floor(count * BRIGHTEST_SHARE) + 1).fill(-Infinity); // the smallest of these first
    for (let index = 0; index < pixels; index += step) {
      let sum = 0, at = 0;
      for (let band = 0; band < n; band++) {
        const code = codes[starts[band] + index];
        if (code) sum += FLUX_OF_CODE[code] * gains[band];
      }
      if (sum <= largest[0]) continue;
      for (; at + 1 < largest.length && largest[at + 1] < sum; at++) largest[at] = largest[at + 1];
      largest[at] = sum;
    }
    return largest[0] / n;
  }

  /** Keep the hues that are painted and give them the luma of grey ones. */
  lighten(grey) {
    const { target, image: { data } } = this, masked = this.grey.target, chroma = [0, 0, 0];
    for (let index = 0; index < target.length; index++) {
      if (masked[index] === MASKED_ABGR) continue;
      if (target[index] === MASKED_ABGR) { target[index] = masked[index]; continue; }
      const at = 4 * index, wanted = grey[at] / 255;
      let luma = 0, top = 1e-6;
      for (let band = 0; band < 3; band++) luma += (LUMA[band] * data[at + band]) / 255;
      const strength = Math.min(1, wanted / Math.max(luma, 1e-6));
      for (let band = 0; band < 3; band++) {
        chroma[band] = (data[at + band] / 255 - luma) * strength;
        top = Math.max(top, chroma[band]);
      }
      const room = Math.min(1, (1 - wanted) / top);
      for (let band = 0; band < 3; band++) chroma[band] = wanted + chroma[band] * room;
      this.put(index, chroma, 3);
    }
  }
}
