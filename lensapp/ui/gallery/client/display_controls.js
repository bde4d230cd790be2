// The controls of how pixels become colours: stretch, levels, bands.

import { element, select } from "./dom.js";

const LOGARITHMIC = new Set(['softening', 'white', 'tile']);
const USES = {
  lupton: ['black', 'softening', 'white'], asinh: ['black', 'softening', 'white'], log: ['black', 'softening', 'white'],
  sqrt: ['black', 'white'], linear: ['black', 'white'], zscale: [], percentile: ['percentile'],
};
const UNITS = { black: 'σ', softening: 'σ', white: '×', percentile: '%' };
const DISPLAY = ['stretch', 'black', 'softening', 'white', 'percentile'];
export const DISPLAY_SETTINGS = new Set([...DISPLAY, 'rgb']);

/** Binds the controls named by `data-set` below `root`: `onSet(name, value, {live})`, live while a slider is held. */
export class DisplayControls {
  constructor(root, { bands, onSet }) {
    Object.assign(this, { root, bands, onSet });
    this.control = (name) => root.querySelector(`[data-set="${name}"]`);
    this.fillColours();
    root.addEventListener('input', (event) => this.changed(event, { live: true }));
    root.addEventListener('change', (event) => this.changed(event, { live: false }));
  }

  changed(event, { live }) {
    const { target } = event, name = target.dataset.set;
    if (!name || (live && target.type !== 'range')) return;
    if (name === 'rgb') this.onSet('rgb', this.chosenColours(), { live: false });
    else this.onSet(name, valueOf(target), { live });
    if (name === 'contaminant') target.value = '';
    if (target.tagName === 'SELECT') target.blur(); // so that the next key grades
  }

  fillColours() {
    const box = this.root.querySelector('.colours');
    box.hidden = this.bands.length < 2;
    const names = this.bands.length < 3 ? ['R', 'B'] : ['R', 'G', 'B'];
    box.replaceChildren(...names.map((name) => element('label', {}, name, select(this.bands, { 'data-set': 'rgb' }))));
  }

  chosenColours() {
    return [...this.root.querySelectorAll('[data-set="rgb"]')].map(({ value }) => value);
  }

  /** Show settings in their controls, those of `more` besides stretch and levels; `colours` names bands. */
  show(values, colours, more = []) {
    for (const name of [...DISPLAY, ...more]) {
      const control = this.control(name);
      control.value = LOGARITHMIC.has(name) ? Math.log10(values[name]) : values[name];
      const label = control.closest('[data-for]');
      if (!label) continue;
      label.hidden = !USES[values.stretch].includes(name);
      label.querySelector('output').textContent = `${Number(values[name]).toPrecision(3)} ${UNITS[name]}`;
    }
    this.root.querySelectorAll('[data-set="rgb"]').forEach((list, index) => { list.value = colours[index]; });
  }
}

function valueOf(control) {
  if (control.type !== 'range') return control.value;
  const value = Number(control.value);
  return LOGARITHMIC.has(control.dataset.set) ? 10 ** value : value;
}
