// What the gallery says: instead of pictures, in passing, and to screen readers.

import { Refused } from "./remote.js";

const RETRY_MS = 2000;
const TOAST_MS = 4000;
const HELD_MS = 1000; // until one that is held is looked at again
const READING_MS = 60; // per character: a long message stays longer
const EMPTY = {
  loading: 'Loading the review…',
  settled: 'Nothing left to grade: the votes of all inspectors have settled every candidate.',
  graded: 'Nothing graded yet. Candidates appear here as you grade them.',
  ungraded: 'Everything is graded. Take “Ungraded” away to look at them again.',
  starred: 'Nothing starred yet. Press * on a candidate to find it here.',
  disputed: 'No candidate has votes that differ.',
  known: 'No candidate lies at a known lens.',
  commented: 'No comments yet. Press ; on a candidate to write one.',
};

/** The notice instead of pictures, the toast that passes, and what is read out. */
export class Notices {
  constructor(root) {
    this.box = root.querySelector('.notice');
    this.spoken = root.querySelector('.spoken');
    this.passing = root.querySelector('.toast');
    this.passing.addEventListener('click', () => this.leave());
  }

  show(message) {
    this.box.hidden = false;
    this.box.textContent = message;
  }

  hide() {
    this.box.hidden = true;
  }

  empty(filter) {
    this.show(EMPTY[filter] ?? 'No candidate of this review passes the filter.');
  }

  /** Say what went wrong; try again unless the server has refused. */
  failed(error, again) {
    const refused = error instanceof Refused && error.status < 500;
    this.show(refused ? error.message : 'The server is not responding. Trying again…');
    clearTimeout(this.retry);
    if (!refused && !this.closed) this.retry = setTimeout(again, RETRY_MS);
  }

  say(message) {
    this.spoken.textContent = message;
  }

  /** Show a message for a moment; say it too. With `offer`, {label, take}, it has a button, and stays until it is dismissed. */
  toast(message, { kind = '', offer = null } = {}) {
    this.say(message);
    if (offer) this.offered = { message, kind, offer };
    this.write({ message, kind, offer });
    if (!offer) this.fadeAfter(Math.max(TOAST_MS, READING_MS * message.length));
  }

  write({ message, kind, offer }) {
    clearTimeout(this.fading);
    this.passing.textContent = message;
    if (offer) this.passing.append(this.button(offer), this.dismissal());
    this.offers = Boolean(offer);
    this.passing.dataset.kind = kind;
    this.passing.hidden = false;
  }

  /** Take the message away; one with a button that it lay over comes back. */
  leave() {
    this.passing.hidden = true;
    if (this.offers) this.offered = null;
    else if (this.offered) this.write(this.offered);
  }

  /** Show how far something is; a click closes it, and it stays closed, but not what is said of it to the end. */
  progress(message) {
    const { passing } = this, follows = passing.dataset.kind === 'progress';
    if (follows ? passing.hidden : !passing.hidden) return; // closed, or another message is read
    passing.textContent = message;
    this.offers = false;
    passing.dataset.kind = 'progress';
    passing.hidden = false;
    clearTimeout(this.fading);
  }

  /** Take the message away after a while, but not under the mouse or with the keyboard in it. */
  fadeAfter(delay) {
    clearTimeout(this.fading);
    this.fading = setTimeout(() => {
      if (this.passing.matches(':is(:hover, :focus-within)')) this.fadeAfter(HELD_MS);
      else this.leave();
    }, delay);
  }

  button({ label, take }) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', (event) => {
      event.stopPropagation(); // what it takes may say something at once
      this.leave();
      take();
    });
    return button;
  }

  /** The button that closes a message as a click anywhere on it does. */
  dismissal() {
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', className: 'icon', title: 'Dismiss', ariaLabel: 'Dismiss', innerHTML: '<i>close</i>' });
    return button;
  }

  /** Take a message with a button away, which stays; return whether there was one. */
  dismissOffer() {
    const offers = !this.passing.hidden && this.offers;
    if (offers) this.leave();
    return offers;
  }

  /** Take a message away, if it is still shown. */
  take(message) {
    if (message && this.passing.textContent === message) this.leave();
  }

  /** Say why something that was asked for did not come about; `offer` leads to what it needs first. */
  refused(error, offer = null) {
    this.toast(error.status ? error.message : 'The server is not responding. Try again.', { kind: 'wrong', offer });
  }

  /** Reveal blind tests: [{kind, right}]. */
  feedback(tests) {
    const wrong = tests.filter(({ right }) => !right).length, [{ kind }] = tests;
    const what = kind === 'lens' ? 'a simulated lens' : 'an image without a lens';
    const one = `That was a blind test: ${what}. Your grade was ${wrong ? 'wrong' : 'right'}.`;
    const several = `${tests.length} of them were tests: you graded ${tests.length - wrong} right, ${wrong} wrong.`;
    this.toast(tests.length > 1 ? several : one, { kind: wrong ? 'wrong' : 'right' });
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.fading);
  }
}
