// The bar above the pictures: what is shown and how.

import { spokenTime } from "./pace.js";
import { GROUPS } from "./panels.js";

const LOGARITHMIC = new Set(['softening', 'white', 'tile']);
const ORDERS = {
  score: 'highest score first', random: 'random order', uncertain: 'most uncertain first', given: 'as imported',
};
const USES = {
  lupton: ['black', 'softening', 'white'], asinh: ['black', 'softening', 'white'], log: ['black', 'softening', 'white'],
  sqrt: ['black', 'white'], linear: ['black', 'white'], zscale: [], percentile: ['percentile'],
};
const UNITS = { black: 'σ', softening: 'σ', white: '×', percentile: '%' };
const SHOWN = ['filter', 'stretch', 'tile', 'black', 'softening', 'white', 'percentile', 'blinkRate'];

const made = (tag, values) => Object.assign(document.createElement(tag), values);

/** Binds the controls to actions; `onSet(name, value, {live})` and `onDo(name)` are told. */
export class Toolbar {
  constructor(root, { data, onSet, onDo }) {
    Object.assign(this, { root, bands: data.bands, grades: data.grades, onSet });
    this.control = (name) => root.querySelector(`[data-set="${name}"]`);
    this.fillColours();
    this.fillFilter();
    this.fillTools();
    this.fillPad(data);
    this.reviews(data.reviews, data.review.name);
    root.querySelector('[data-do="known"]').hidden = !data.known_lenses;
    root.querySelector('.order').textContent = ORDERS[data.review.order] ?? data.review.order;
    root.addEventListener('input', (event) => this.changed(event, { live: true }));
    root.addEventListener('change', (event) => this.changed(event, { live: false }));
    root.addEventListener('click', (event) => {
      const button = event.target.closest('[data-do]');
      if (button) onDo(button.dataset.do);
    });
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
    box.replaceChildren(...names.map((name) => {
      const label = made('label', { textContent: name });
      const select = document.createElement('select');
      select.dataset.set = 'rgb';
      select.append(...this.bands.map((band) => new Option(band, band)));
      label.append(select);
      return label;
    }));
  }

  fillFilter() {
    const options = this.grades.map(({ letter }) => new Option(`Grade ${letter}`, `grade:${letter}`));
    this.control('filter').append(...options, new Option('Starred', 'starred'), new Option('Commented', 'commented'));
  }

  fillTools() {
    const tools = this.root.querySelector('.tools');
    const buttons = Object.entries(GROUPS).filter(([name]) => this.bands.length > 1 || /stretches|residual/.test(name));
    tools.replaceChildren(...buttons.map(([name, { label, key, meaning }]) => {
      const words = name === 'difference' ? `${this.bands[0]} − α${this.bands.at(-1)}` : label;
      const button = made('button', { type: 'button', textContent: words, title: `Show ${meaning} (Shift ${key.toUpperCase()})` });
      button.dataset.do = `panel ${name}`;
      return button;
    }));
    this.root.querySelector('.blinking').hidden = this.bands.length < 2;
  }

  /** The buttons that touch needs. */
  fillPad({ grades, contaminants }) {
    const buttons = grades.map(({ letter, colour, meaning }) => {
      const button = made('button', { type: 'button', textContent: letter, title: meaning });
      button.dataset.do = `grade ${letter}`;
      button.style.setProperty('--grade', colour);
      button.setAttribute('aria-label', `Grade ${letter}: ${meaning}`);
      return button;
    });
    this.root.querySelector('.pad .grades').replaceChildren(...buttons);
    const select = this.control('contaminant');
    select.hidden = !contaminants.length;
    select.append(...contaminants.map(({ name, meaning }) => new Option(meaning, name)));
  }

  chosenColours() {
    return [...this.root.querySelectorAll('[data-set="rgb"]')].map((select) => select.value);
  }

  /** Show the reviews to choose from. */
  reviews(names, current) {
    const select = this.control('review');
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    select.value = current;
  }

  settings(values, colours) {
    for (const name of SHOWN) {
      const control = this.control(name);
      control.value = LOGARITHMIC.has(name) ? Math.log10(values[name]) : values[name];
      const label = control.closest('[data-for]');
      if (!label) continue;
      label.hidden = !USES[values.stretch].includes(name);
      label.querySelector('output').textContent = `${Number(values[name]).toPrecision(3)} ${UNITS[name]}`;
    }
    this.root.querySelectorAll('[data-set="rgb"]').forEach((select, place) => { select.value = colours[place]; });
    for (const name of Object.keys(GROUPS)) this.pressed(`panel ${name}`, values.panels.includes(name));
  }

  /** Show whether what a button stands for is on. */
  pressed(name, on) {
    this.root.querySelector(`[data-do="${name}"]`)?.setAttribute('aria-pressed', String(on));
  }

  progress({ graded, total, pace, tally }) {
    const box = this.root.querySelector('.progress'), left = (total - graded) * pace;
    if (!box.firstChild) {
      box.append(made('b', {}), made('span', {}), made('span', { className: 'each' }), made('span', {}));
      box.title = 'Graded by you. Time each: mean of your latest votes, idle time cut; time left at that pace.';
    }
    const words = [
      graded.toLocaleString('en'), ` of ${total.toLocaleString('en')} graded`,
      pace ? ` · ${pace.toFixed(1)} s each` : '', left ? ` · ${spokenTime(left)} left` : '',
    ];
    words.forEach((word, place) => { if (box.childNodes[place].textContent !== word) box.childNodes[place].textContent = word; });
    this.tell(tally);
    const meter = this.root.querySelector('.meter');
    meter.setAttribute('aria-valuemax', total);
    meter.setAttribute('aria-valuenow', graded);
    meter.firstElementChild.style.transform = `scaleX(${graded / Math.max(1, total)})`;
  }

  tell(tally) {
    const box = this.root.querySelector('.tally');
    if (!box.firstChild) {
      box.append(...this.grades.map(({ letter, colour }) => {
        const item = document.createElement('span'), badge = made('span', { className: 'grade', textContent: letter });
        badge.style.setProperty('--grade', colour);
        item.append(badge, document.createTextNode(''));
        return item;
      }));
    }
    this.grades.forEach(({ letter }, place) => {
      const { lastChild } = box.childNodes[place], words = String(tally[letter] ?? 0);
      if (lastChild.data !== words) lastChild.data = words;
    });
  }

  page(number, count, perPage) {
    const box = this.root.querySelector('.page');
    box.textContent = `${number.toLocaleString('en')} / ${count.toLocaleString('en')}`;
    box.title = `Page ${number} of ${count}, ${perPage} to a page`;
    this.control('tile').setAttribute('aria-valuetext', `${perPage} tiles to a page`);
  }

  scores({ shown, exist }) {
    const button = this.root.querySelector('[data-do="scores"]');
    button.hidden = !exist;
    this.pressed('scores', shown);
    button.firstElementChild.textContent = shown ? 'visibility' : 'visibility_off';
  }

  saved({ state, waiting, message }) {
    const box = this.root.querySelector('.saved');
    const words = { saved: 'saved', saving: 'saving…', offline: `offline, ${waiting} waiting`, refused: `${waiting} not saved` };
    box.dataset.state = state;
    box.textContent = words[state];
    box.title = message ?? '';
  }
}

function valueOf(control) {
  if (control.type !== 'range') return control.value;
  const value = Number(control.value);
  return LOGARITHMIC.has(control.dataset.set) ? 10 ** value : value;
}
