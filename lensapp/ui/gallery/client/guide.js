// What helps at both ends of a review: the keys for the first votes, and what came of all when everything is graded.

import { element } from "./dom.js";
import { duration, inSeconds } from "./toolbar.js";

const FIRST_VOTES = 10;
const MARGIN = 16; // above and below the strip

/** The strip of keys: gone after ten votes, or when it is closed. */
export class KeyStrip {
  /** @param onShape called when it appears or is closed; after ten votes it leaves its room: tiles under the hand stay */
  constructor(root, { grades, contaminants, looking }, { onShape }) {
    Object.assign(this, { root, wanted: !looking, onShape });
    const key = (name, meaning) => element('span', {}, element('kbd', { textContent: name }), meaning);
    const shut = element('button', { type: 'button', className: 'icon', title: 'Hide', 'aria-label': 'Hide the keys', innerHTML: '<i>close</i>', onclick: () => this.close() });
    root.replaceChildren(
      ...grades.map(({ letter, keys, meaning }) => key((keys[0] ?? letter).toUpperCase(), meaning.split(':')[0].toLowerCase())),
      ...contaminants.slice(0, 2).map((one) => key(one.key.toUpperCase(), one.meaning.toLowerCase())),
      key('Enter', 'large'), key('Z', 'undo'), key('?', 'all keys'), shut,
    );
  }

  /** Show it while few candidates are graded. */
  follow(graded, total) {
    const began = this.root.hidden;
    this.wanted &&= graded < Math.min(FIRST_VOTES, total);
    this.root.hidden = !this.wanted;
    if (began && this.wanted) this.onShape();
  }

  close() {
    this.wanted = false;
    this.root.hidden = true;
    this.onShape();
  }

  /** The room it takes below the pictures, of which it must cover nothing. */
  get height() { return this.root.offsetHeight ? this.root.offsetHeight + MARGIN : 0; }
}

/** The card that appears with the last grade. */
export class EndCard {
  /**
   * @param onGo called with the page to open, @param onOpen with a review
   * @param agreement fetches [{inspector, kappa, candidates}], @param task what waits next, {review, left}, or {}
   */
  constructor(root, { grades, onGo, onOpen, agreement, task }) {
    Object.assign(this, { root, grades, onGo, onOpen, agreement, task });
    Object.assign(this, { tally: element('div', { className: 'tally' }), words: element('p') });
  }

  /** Show it with what came of the votes: {tally, inAll, each, starred}. */
  async show({ name, isShare }, outcome) {
    const shared = element('p', { className: 'quiet' });
    const button = (text, act, first) => element('button', { type: 'button', className: first ? 'first' : '', textContent: text, onclick: act });
    const buttons = element('div', { className: 'next' }, button('Catalogue', () => this.onGo('catalogue'), true), button('Team', () => this.onGo('team')), button('Look again', () => this.hide()));
    this.root.replaceChildren(element('h2', { textContent: isShare ? `Your share of ${name} is graded` : `All of ${name} is graded` }), this.tally, this.words, shared, buttons);
    this.tell(outcome);
    this.root.hidden = false;
    buttons.firstChild.focus({ preventScroll: true });
    const [pairs, next] = await Promise.all([this.agreement().catch(() => []), this.task().catch(() => ({}))]);
    shared.textContent = agreed(pairs);
    if (!next.review || this.root.hidden) return;
    buttons.firstChild.className = '';
    const asked = `Next task: ${next.review}`, title = `${next.left.toLocaleString('en')} to grade in ${next.review}`;
    buttons.prepend(element('button', { type: 'button', className: 'first task', textContent: asked, title, onclick: () => this.onOpen(next.review) }));
    buttons.firstChild.focus({ preventScroll: true });
  }

  /** Tell what came of the votes, which go on in other tabs. */
  tell({ tally, inAll, each, starred }) {
    this.tally.replaceChildren(...this.grades.map(({ letter, colour }) => element('span', {}, element('span', { className: 'grade', textContent: letter, '--grade': colour }), String(tally[letter] ?? 0))));
    const time = inAll ? `${duration(inAll)} in all with pauses, mean ${inSeconds(each)} each` : '';
    this.words.textContent = [time, starred && `${starred} starred`].filter(Boolean).join(' · ');
  }

  hide() {
    this.root.hidden = true;
  }
}

/** Say how far an inspector agrees with others: [{inspector, kappa, candidates}]. */
export function agreed(pairs) {
  const known = pairs.filter(({ kappa, candidates }) => kappa !== null && candidates);
  if (!known.length) return 'Nobody else has graded enough of it to compare with.';
  return `Agreement (Cohen’s κ): ${known.map(({ inspector, kappa, candidates }) => `${kappa.toFixed(2).replace('-', '−')} with ${inspector} on ${candidates}`).join(', ')}.`;
}
