// The controls of how pixels become colours: stretch, levels, bands.

import { element, select } from "./dom.js";
import { NO_LUMINANCE, STRETCH_WORDS, stretchesOf } from "./stretch.js";

const LOGARITHMIC = new Set(['softening', 'white', 'tile']);
const USES = {
  soft: ['black', 'softening', 'white'], mtf: ['white', 'background'],
  lupton: ['black', 'softening', 'white'], asinh: ['black', 'softening', 'white'], log: ['black', 'softening', 'white'],
  sqrt: ['black', 'white'], linear: ['black', 'white'], zscale: [], percentile: ['percentile'], given: [],
};
const UNITS = { black: 'σ', softening: 'σ', white: '×', percentile: '%', background: '' };
const DISPLAY = ['stretch', 'black', 'softening', 'white', 'background', 'percentile'];
export const DISPLAY_SETTINGS = new Set([...DISPLAY, 'rgb', 'luminance']);

/** Binds the controls named by `data-set` below `root`: `onSet(name, value, {live})`, live while a slider is held. */
export class DisplayControls {
  constructor(root, { optics, onSet }) {
    Object.assign(this, { root, onSet });
    this.control = (name) => root.querySelector(`[data-set="${name}"]`);
    this.offer(optics);
    root.addEventListener('input', (event) => this.changed(event, { live: true }));
    root.addEventListener('change', (event) => this.changed(event, { live: false }));
  }

  /** Offer what the pixels of a source allow. */
  offer(optics) {
    Object.assign(this, { bands: optics.bands, optics });
    this.control('stretch').replaceChildren(...stretchesOf(optics).map((name) => new Option(STRETCH_WORDS[name], name)));
    this.fillColours();
  }

  changed(event, { live }) {
    const { target } = event, name = target.dataset.set, chosenLuminance = this.control('luminance')?.value;
    if (!name || (live && target.type !== 'range')) return;
    if (name === 'rgb' || name === 'luminance') {
      this.onSet('rgb', this.chosenColours(), { live: false });
      this.onSet('luminance', chosenLuminance, { live: false });
    } else this.onSet(name, valueOf(target), { live });
    if (name === 'contaminant') target.value = '';
    if (target.tagName === 'SELECT') target.blur(); // so that the next key grades
  }

  fillColours() {
    const box = this.root.querySelector('.colours');
    box.hidden = this.bands.length < 2 || Boolean(this.optics.given); // the colours of a picture are its own
    const names = this.bands.length < 3 ? ['R', 'B'] : ['R', 'G', 'B'];
    const luminance = select([[NO_LUMINANCE, 'own'], ...this.bands.map((band) => [band, band])], {
      'data-set': 'luminance', title: 'Luminance: the band that gives the brightness, the others give colours (Shift Y: VIS over NISP)',
    });
    box.replaceChildren(...names.map((name) => element('label', {}, name, select(this.bands, { 'data-set': 'rgb' }))), element('label', {}, 'L', luminance));
  }

  chosenColours() {
    return [...this.root.querySelectorAll('[data-set="rgb"]')].map(({ value }) => value);
  }

  /** Show settings in their controls, those of `more` besides stretch and levels; of the bands shown, indices. */
  show(values, { rgb, luminance }, more = []) {
    for (const name of [...DISPLAY, ...more]) {
      const control = this.control(name);
      control.value = LOGARITHMIC.has(name) ? Math.log10(values[name]) : values[name];
      const label = control.closest('[data-for]');
      if (!label) continue;
      label.hidden = !USES[values.stretch].includes(name);
      label.querySelector('output').textContent = levelOf(name, values[name], this.optics) ?? `${Number(values[name]).toPrecision(3)} ${UNITS[name]}`.trim();
    }
    this.root.querySelector('.levels').hidden = values.stretch === 'given' && Boolean(this.optics.given); // it has none
    this.root.querySelectorAll('[data-set="rgb"]').forEach((list, index) => { list.value = this.bands[rgb[index] ?? rgb.at(-1)]; });
    this.root.querySelector('[data-set="luminance"]').value = luminance === null ? NO_LUMINANCE : this.bands[luminance];
  }
}

/** Return black or white of 8-bit pictures as they count: "12 of 255"; undefined of anything else. */
export function levelOf(name, value, { given, gains }) {
  if (!given || (name !== 'black' && name !== 'white')) return undefined;
  const noise = [...gains].sort((a, b) => a - b)[gains.length >> 1], flux = (name === 'black' ? value * noise : value) / gains[0];
  const [low, high] = [given[0][0], given[1][0]];
  return `${Math.round((255 * (flux - low)) / (high - low))} of 255`;
}

function valueOf(control) {
  if (control.type !== 'range') return control.value;
  const value = Number(control.value);
  return LOGARITHMIC.has(control.dataset.set) ? 10 ** value : value;
}
