// The bar above the pictures: what is shown and how.

import { DisplayControls } from "./display_controls.js";
import { element, writeEnds } from "./dom.js";
import { GROUPS } from "./panels.js";
import { ZOOMS } from "./settings.js";

const SHOWN_SETTINGS = ['tile', 'blinkRate'];
const LEAST_SECONDS = 0.5; // for a look at a picture, as lensapp.core.inspect.pace has it
const ENOUGH = 20; // grades after which the bar leads on

/** Binds the controls: `onSet(name, value, {live})` for settings, `onDo(method, ...values)` for buttons. */
export class Toolbar {
  constructor(root, { data, onSet, onDo }) {
    Object.assign(this, { root, bands: data.bands, grades: data.grades });
    this.control = (name) => root.querySelector(`[data-set="${name}"]`);
    this.display = new DisplayControls(root, { optics: data, onSet });
    this.fillTools(data);
    this.fillZooms(data);
    this.fillPad(data);
    this.showReviews(data.reviews, data.review.name);
    root.querySelector('[data-do="toggleKnown"]').hidden = !data.known_lenses;
    root.querySelector('[data-do="toggleLuminance"]').hidden = !data.composite;
    for (const name of ['createReview', 'findAlike']) {
      root.querySelector(`[data-do="${name}"]`).hidden = data.may_create === false;
    }
    root.querySelector('.order').textContent = data.review.order;
    root.addEventListener('click', (event) => {
      const button = event.target.closest('[data-do]');
      if (button) onDo(...button.dataset.do.split(' '));
    });
  }

  fillTools({ given }) {
    const tools = this.root.querySelector('.tools');
    const buttons = Object.entries(GROUPS).filter(([name]) => this.bands.length > 1 || /stretches|residual/.test(name)).filter(([name]) => name !== 'colours' || !given);
    tools.replaceChildren(...buttons.map(([name, { label, key, meaning }]) => {
      const title = `Show ${meaning} (Shift ${key.toUpperCase()})`;
      return element('button', { type: 'button', textContent: label, title, 'data-do': `togglePanel ${name}` });
    }));
    this.root.querySelector('.blinking').hidden = this.bands.length < 2;
  }

  /** Offer how much larger tiles show the middle of cutouts, each with the field that is left. */
  fillZooms({ pixel_scale_arcsec: scale, width, height }) {
    this.fieldOf = (zoom, digits) => (scale ? `${Number(((scale * Math.max(width, height)) / zoom).toPrecision(digits))}″` : '');
    this.control('zoom').replaceChildren(...ZOOMS.map((zoom) => new Option(`${zoom}× ${this.fieldOf(zoom, 2)}`.trim(), zoom)));
  }

  showZoom(zoom) {
    const list = this.control('zoom'), field = this.fieldOf(zoom, 3), part = zoom > 1 ? 'the middle of each cutout' : 'whole cutouts';
    list.value = zoom;
    list.title = `Zoom of all tiles, now ${part}${field && `, ${field} across`} (Shift Z)`;
  }

  /** The buttons that touch needs. */
  fillPad({ grades, contaminants }) {
    this.root.querySelector('.pad .grades').replaceChildren(...grades.map(({ letter, colour, meaning }) => element('button', {
      type: 'button', textContent: letter, title: meaning, 'data-do': `grade ${letter}`, '--grade': colour,
      'aria-label': `Grade ${letter}: ${meaning}`,
    })));
    const list = this.control('contaminant');
    list.hidden = !contaminants.length;
    list.append(...contaminants.map(({ name, meaning }) => new Option(meaning, name)));
  }

  /** Show the reviews to choose from. */
  showReviews(names, current) {
    const list = this.control('review');
    list.replaceChildren(...names.map((name) => new Option(name, name)));
    list.value = current;
    list.title = `Review ${current}`; // which may be longer than its field
    writeEnds(list.nextElementSibling, current);
  }

  showSettings(values, shown) {
    this.display.show(values, shown, SHOWN_SETTINGS);
    this.press('togglePixels', values.pixels);
    this.press('toggleLuminance', shown.luminance !== null);
    for (const name of Object.keys(GROUPS)) this.press(`togglePanel ${name}`, values.panels.includes(name));
  }

  /** Show whether what a button stands for is on. */
  press(name, on) {
    this.root.querySelector(`[data-do="${name}"]`)?.setAttribute('aria-pressed', String(on));
  }

  /** Grey a button out and say in its tooltip why; without a reason it is as it was. It still answers. */
  refuse(name, why) {
    const button = this.root.querySelector(`[data-do="${name}"]`);
    button.dataset.title ??= button.title;
    button.title = why || button.dataset.title;
    button.setAttribute('aria-disabled', String(Boolean(why)));
  }

  showProgress({ graded, total, all, pace, tally }) {
    const box = this.root.querySelector('.progress'), left = pace < LEAST_SECONDS ? 0 : (total - graded) * pace;
    if (!box.firstChild) {
      box.append(element('span', {}, element('b'), element('span')), element('span', { className: 'word', textContent: ' graded' }), element('span', { className: 'each' }), element('span'));
      box.title = 'Graded by you. Seconds each: mean of your latest votes, a look of over a minute counts as one; the time left is as many of these as there are candidates left.';
    }
    const words = [
      graded.toLocaleString('en'), all ? ` of your ${total.toLocaleString('en')} (${all.toLocaleString('en')} in all)` : ` of ${total.toLocaleString('en')}`,
      pace ? ` · ${inSeconds(pace)} each` : '', left ? ` · ${duration(left)} left` : '',
    ];
    const places = [...box.firstChild.childNodes, ...[...box.childNodes].slice(2)];
    words.forEach((word, index) => { if (places[index].textContent !== word) places[index].textContent = word; });
    this.showTally(tally);
    this.root.querySelector('.onward').hidden = !graded || graded < Math.min(ENOUGH, total);
    const meter = this.root.querySelector('.meter');
    meter.setAttribute('aria-valuemax', total);
    meter.setAttribute('aria-valuenow', graded);
    meter.firstElementChild.style.transform = `scaleX(${graded / Math.max(1, total)})`;
  }

  showTally(tally) {
    const box = this.root.querySelector('.tally');
    if (!box.firstChild) {
      box.append(...this.grades.map(({ letter, colour }) => element(
        'span', {}, element('span', { className: 'grade', textContent: letter, '--grade': colour }), '',
      )));
    }
    this.grades.forEach(({ letter }, index) => {
      const { lastChild } = box.childNodes[index], words = String(tally[letter] ?? 0);
      if (lastChild.data !== words) lastChild.data = words;
    });
  }

  /** Show how many are compared, with the way back in place of the pages, of which there is one. */
  showCompared(count) {
    const button = this.root.querySelector('.beside');
    button.hidden = !count;
    button.lastElementChild.textContent = `Comparing ${count}`;
    this.root.querySelector('.pager.in-mosaic').hidden = count > 0;
  }

  showPage(number, count, perPage) {
    const box = this.root.querySelector('.page');
    box.textContent = `${number.toLocaleString('en')} / ${count.toLocaleString('en')}`;
    box.title = `Page ${number} of ${count}, ${perPage} to a page`;
    this.control('tile').setAttribute('aria-valuetext', `${perPage} tiles to a page`);
  }

  /** Show which of the cutouts is looked at, where there are no pages. */
  showPosition(number, count) {
    this.root.querySelector('.position').textContent = `${number.toLocaleString('en')} of ${count.toLocaleString('en')}`;
  }

  showScores({ shown, exist }) {
    const button = this.root.querySelector('[data-do="toggleScores"]');
    button.hidden = !exist;
    this.press('toggleScores', shown);
    button.firstElementChild.textContent = shown ? 'visibility' : 'visibility_off';
  }

  /** Offer the way back to the candidate whose like are shown. */
  showOrigin(step) {
    const button = this.root.querySelector('[data-do="goToOrigin"]');
    button.hidden = !step;
    if (!step) return;
    button.title = `Back to ${step.name} in ${step.from} (Shift O)`;
    button.setAttribute('aria-label', button.title);
    writeEnds(button.querySelector('span'), step.from);
  }

  showSaved({ state, waiting, message }) {
    const box = this.root.querySelector('.saved');
    const words = { saved: 'saved', saving: 'saving…', offline: `offline, ${waiting} waiting`, refused: `${waiting} not saved` };
    box.dataset.state = state;
    box.textContent = words[state];
    box.title = message ?? '';
  }
}

/** Return what one candidate takes: "0.8 s", "12 s"; too little for a look is told as the page Team does. */
export function inSeconds(seconds) {
  if (seconds < LEAST_SECONDS) return `< ${LEAST_SECONDS} s`;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** Return a duration, in units that suit: "3 min", "2.4 h". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0)} h`;
}
