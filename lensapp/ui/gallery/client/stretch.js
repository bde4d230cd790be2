// Pixels to colours in the browser: the same curves as lensapp/core/data/imaging.py, on companded codes.

export const STRETCHES = ['lupton', 'asinh', 'log', 'sqrt', 'linear', 'zscale', 'percentile'];

const ZERO = 32768;
const STEP = 22.5 / 32767;
const MASKED_ABGR = 0xff2e2626;
const CACHED_TABLES = 48;
const ZSCALE_SAMPLES = 1000;
const ZSCALE_CONTRAST = 0.25;
const ZSCALE_SIGMAS = 2.5;

const FLUX_OF_CODE = new Float32Array(65536).map((_, code) => Math.sinh((code - ZERO) * STEP));

const median = (values) => {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
};

const byte = (share) => (share <= 0 ? 0 : share >= 1 ? 255 : (255 * share + 0.5) | 0);

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

/** One table of bytes for one band of one cutout: zscale and percentile. */
function cutoutTable(display, codes, start, pixels) {
  const table = new Uint8Array(65536);
  const fluxes = sampled(codes, start, pixels);
  if (!fluxes.length) return table;
  const [low, high] = display.stretch === 'zscale' ? zscaleLimits(fluxes) : percentileLimits(fluxes, display.percentile);
  const width = high - low || 1;
  for (let code = 0; code < 65536; code++) table[code] = byte(((code ? FLUX_OF_CODE[code] : 0) - low) / width);
  return table;
}

/** Draws cutouts of one answer of /raw; make a new one whenever the display changes. */
export class Painter {
  /**
   * @param raw answer of parseRaw
   * @param rgb indices of the bands shown as red, green, blue; one is grey, of two green is the mean
   * @param gains factor from units of noise to units of brightness, per band
   */
  constructor(raw, display, rgb, gains) {
    this.raw = raw;
    this.display = display;
    this.rgb = rgb;
    this.gains = rgb.map((band) => gains[band]);
    this.perCutout = display.stretch === 'zscale' || display.stretch === 'percentile';
    this.keepsColour = display.stretch === 'lupton' && rgb.length > 1;
    if (!this.perCutout && !this.keepsColour) this.tables = bandTables(display, this.gains);
    this.image = new ImageData(raw.width, raw.height);
    this.target = new Uint32Array(this.image.data.buffer);
  }

  /** Return cutout number `index` as ImageData, which the next call reuses. */
  paint(index) {
    const { raw, rgb } = this;
    const pixels = raw.height * raw.width;
    const starts = rgb.map((band) => (index * raw.bands + band) * pixels);
    if (this.keepsColour) this.paintLupton(starts, pixels);
    else this.paintTables(starts, pixels);
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

  paintLupton(starts, pixels) {
    const { codes } = this.raw, { gains } = this, n = starts.length;
    const { black, soft, white } = limitsOf(this.display, gains);
    const whole = Math.asinh(white / soft), least = 1e-12 * white, flux = [0, 0, 0];
    for (let index = 0; index < pixels; index++) {
      let sum = 0, seen = 0;
      for (let band = 0; band < n; band++) {
        const code = codes[starts[band] + index];
        if (code) seen = 1;
        flux[band] = (code ? FLUX_OF_CODE[code] * gains[band] : 0) - black;
        sum += flux[band];
      }
      if (!seen) { this.target[index] = MASKED_ABGR; continue; }
      const intensity = Math.max(sum / n, least);
      let factor = Math.asinh(intensity / soft) / whole / intensity;
      const brightest = Math.max(flux[0], flux[1], n > 2 ? flux[2] : 0) * factor;
      if (brightest > 1) factor /= brightest;
      const red = Math.max(0, flux[0]) * factor, blue = Math.max(0, flux[n - 1]) * factor;
      const green = n > 2 ? Math.max(0, flux[1]) * factor : (red + blue) / 2;
      this.target[index] = 0xff000000 | (byte(blue) << 16) | (byte(green) << 8) | byte(red);
    }
  }
}
