// What the single view can show beside each other, and how each is painted.

import { MODELS, colourFactor, paintSigned, residualOf } from "./planes.js";
import { Painter, fluxOf, rawOf } from "./stretch.js";

const STRETCHES = ['lupton', 'asinh', 'log', 'sqrt', 'linear', 'zscale', 'percentile'];
const MOST_COMPOSITES = 6;

/** The groups that can be shown or not, with their keys (with Shift). */
export const GROUPS = {
  bands: { label: 'Bands', key: 'g', meaning: 'every band by itself' },
  colours: { label: 'Colours', key: 'c', meaning: 'other colour composites' },
  stretches: { label: 'Stretches', key: 's', meaning: 'every stretch at once' },
  residual: { label: 'Residual', key: 'r', meaning: 'what a smooth or turned model leaves over' },
  difference: { label: 'Difference', key: 'd', meaning: 'one band minus α times another' },
};

/** Return other choices of three (or, of few bands, two) bands than the chosen one, red first. */
function composites(bands, chosen) {
  const places = bands.map((_, place) => place), made = [];
  if (bands.length === 3) places.forEach((blue) => places.slice(blue + 1).forEach((red) => made.push([red, blue])));
  for (let first = 0; bands.length > 3 && first + 2 < bands.length; first++) made.push([first + 2, first + 1, first]);
  return made.filter((one) => String(one) !== String(chosen)).slice(0, MOST_COMPOSITES);
}

/** Return the panels to show, each {id, label}; `view` holds panels, model and difference of the settings. */
export function panelsOf({ bands, chosen, view, stretch }) {
  const shown = new Set(view.panels);
  const names = chosen.map((place) => bands[place]);
  const model = MODELS[view.model] ? view.model : 'smooth';
  const left = MODELS[model].label;
  const panels = [{ id: 'colour', label: captionOf(names) }];
  if (shown.has('bands') && bands.length > 1) panels.push(...bands.map((band, place) => ({ id: `band ${place}`, label: band })));
  if (shown.has('colours')) {
    panels.push(...composites(bands, chosen).map((one) => ({ id: `composite ${one}`, label: one.map((place) => bands[place]).join(' ') })));
  }
  if (shown.has('stretches')) {
    panels.push(...STRETCHES.filter((name) => name !== stretch).map((name) => ({ id: `stretch ${name}`, label: name })));
  }
  if (shown.has('residual')) {
    panels.push({ id: 'residual', label: `− ${left}`, control: 'model' });
    if (chosen.length > 1) panels.push(...chosen.map((place) => ({ id: `residual ${place}`, label: `${bands[place]} − ${left}` })));
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
  constructor(raw, { display, chosen, gains, noise, view }) {
    Object.assign(this, { raw, display, chosen, gains, noise, view });
    this.size = { width: raw.width, height: raw.height };
    this.residuals = new Map();
  }

  paint(id) {
    const [kind, which] = id.split(' ');
    const { raw, display, chosen, gains } = this;
    if (kind === 'band') return new Painter(raw, display, [Number(which)], gains).paint(0);
    if (kind === 'composite') return new Painter(raw, display, which.split(',').map(Number), gains).paint(0);
    if (kind === 'stretch') return new Painter(raw, { ...display, stretch: which }, chosen, gains).paint(0);
    if (kind === 'residual') return which === undefined ? this.residualColours() : paintSigned(this.residual(Number(which)), this.size);
    if (kind === 'difference') return paintSigned(this.difference().plane, this.size);
    return new Painter(raw, display, chosen, gains).paint(0);
  }

  residual(band) {
    if (!this.residuals.has(band)) this.residuals.set(band, residualOf(fluxOf(this.raw, band), this.size, this.view.model));
    return this.residuals.get(band);
  }

  residualColours() {
    const { chosen, gains } = this;
    const left = rawOf(chosen.map((band) => this.residual(band)), this.size);
    return new Painter(left, this.display, chosen.map((_, place) => place), chosen.map((band) => gains[band])).paint(0);
  }

  /** Return blue − α · red in units of its noise, and α in the fluxes of the source. */
  difference() {
    const [first, last] = [Math.min(...this.chosen), Math.max(...this.chosen)];
    const { blue = first, red = last } = this.view.difference;
    const minuend = fluxOf(this.raw, blue), taken = fluxOf(this.raw, red), units = this.noise[blue] / this.noise[red];
    const alpha = this.view.alpha ?? colourFactor(minuend, taken, this.size) * units;
    const share = alpha / units, noise = Math.hypot(1, share);
    return { blue, red, alpha, plane: minuend.map((flux, place) => (flux - share * taken[place]) / noise) };
  }
}
