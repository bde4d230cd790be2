// The bar above the pictures: what is shown and how.

const LOGARITHMIC = new Set(['softening', 'white']);
const ORDERS = {
  score: 'highest score first', random: 'random order', uncertain: 'most uncertain first', given: 'as imported',
};
const USES = {
  lupton: ['black', 'softening', 'white'], asinh: ['black', 'softening', 'white'], log: ['black', 'softening', 'white'],
  sqrt: ['black', 'white'], linear: ['black', 'white'], zscale: [], percentile: ['percentile'],
};
const UNITS = { black: 'σ', softening: 'σ', white: '×', percentile: '%' };

/** Binds the controls to actions; `onSet(name, value, {live})` and `onDo(name)` are told. */
export class Toolbar {
  constructor(root, { bands, onSet, onDo }) {
    this.root = root;
    this.bands = bands;
    this.onSet = onSet;
    this.control = (name) => root.querySelector(`[data-set="${name}"]`);
    this.fillColours();
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
    if (target.tagName === 'SELECT') target.blur(); // so that the next key grades
  }

  fillColours() {
    const box = this.root.querySelector('.colours');
    box.hidden = this.bands.length < 2;
    const names = this.bands.length < 3 ? ['R', 'B'] : ['R', 'G', 'B'];
    box.replaceChildren(...names.map((name) => {
      const label = Object.assign(document.createElement('label'), { textContent: name });
      const select = document.createElement('select');
      select.dataset.set = 'rgb';
      select.append(...this.bands.map((band) => new Option(band, band)));
      label.append(select);
      return label;
    }));
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
    for (const name of ['filter', 'stretch', 'tile', 'black', 'softening', 'white', 'percentile']) {
      const control = this.control(name);
      control.value = LOGARITHMIC.has(name) ? Math.log10(values[name]) : values[name];
      const label = control.closest('[data-for]');
      if (!label) continue;
      label.hidden = !USES[values.stretch].includes(name);
      label.querySelector('output').textContent = `${Number(values[name]).toPrecision(3)} ${UNITS[name]}`;
    }
    this.root.querySelectorAll('[data-set="rgb"]').forEach((select, place) => { select.value = colours[place]; });
  }

  order(name) {
    this.root.querySelector('.order').textContent = ORDERS[name] ?? name;
  }

  progress({ graded, total, pace, tally, colours }) {
    const box = this.root.querySelector('.progress');
    const each = Object.assign(document.createElement('span'), { textContent: pace ? ` · ${pace.toFixed(1)} s each` : '' });
    const count = Object.assign(document.createElement('b'), { textContent: String(graded) });
    box.replaceChildren(count, ` of ${total.toLocaleString('en')} graded`, each);
    this.root.querySelector('.tally').replaceChildren(...Object.entries(tally).map(([letter, number]) => {
      const badge = Object.assign(document.createElement('span'), { className: 'grade', textContent: letter });
      badge.style.setProperty('--grade', colours[letter]);
      badge.style.color = '#fff';
      const item = document.createElement('span');
      item.append(badge, String(number));
      return item;
    }));
    const meter = this.root.querySelector('.meter');
    meter.setAttribute('aria-valuemax', total);
    meter.setAttribute('aria-valuenow', graded);
    meter.firstElementChild.style.width = `${(100 * graded) / Math.max(1, total)}%`;
  }

  page(number, count) {
    this.root.querySelector('.page').textContent = `${number} / ${count.toLocaleString('en')}`;
  }

  scores({ shown, exist }) {
    const button = this.root.querySelector('[data-do="scores"]');
    button.hidden = !exist;
    button.setAttribute('aria-pressed', String(shown));
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
