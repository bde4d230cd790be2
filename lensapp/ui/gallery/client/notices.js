// What the gallery says: instead of pictures, in passing, and to screen readers.

import { Refused } from "./remote.js";

const RETRY_MS = 2000;
const TOAST_MS = 4000;
const READING_MS = 60; // per character: a long message stays longer
const EMPTY = {
  all: 'Loading the review…',
  settled: 'Nothing is left to grade: the votes of all inspectors have settled every candidate.',
  graded: 'Nothing is graded yet. Grades appear here as you give them.',
  ungraded: 'Everything is graded. Choose All to look again.',
  starred: 'Nothing is starred yet. Press * on a candidate to find it here again.',
  commented: 'Nothing has a comment yet. Press ; on a candidate to write one.',
};

export class Notices {
  constructor(root) {
    this.box = root.querySelector('.notice');
    this.spoken = root.querySelector('.spoken');
    this.passing = root.querySelector('.toast');
  }

  show(message) {
    this.box.hidden = false;
    this.box.textContent = message;
  }

  hide() {
    this.box.hidden = true;
  }

  empty(filter) {
    this.show(EMPTY[filter] ?? 'Nothing has this grade yet.');
  }

  /** Say what went wrong; try again unless the server has refused. */
  failed(error, again) {
    const refused = error instanceof Refused && error.status < 500;
    this.show(refused ? error.message : 'The server does not answer. Trying again…');
    clearTimeout(this.retry);
    if (!refused && !this.closed) this.retry = setTimeout(again, RETRY_MS);
  }

  say(message) {
    this.spoken.textContent = message;
  }

  /** Show a message for a moment; say it too. */
  toast(message, { kind = '' } = {}) {
    this.say(message);
    this.passing.textContent = message;
    this.passing.dataset.kind = kind;
    this.passing.hidden = false;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => { this.passing.hidden = true; }, Math.max(TOAST_MS, READING_MS * message.length));
  }

  /** Tell what blind tests were: [{kind, right}]. */
  feedback(found) {
    const wrong = found.filter(({ right }) => !right).length, [{ kind }] = found;
    const what = kind === 'lens' ? 'a simulated lens' : 'an image without a lens';
    const one = `That was a test: ${what}. Your grade was ${wrong ? 'wrong' : 'right'}.`;
    const several = `${found.length} of them were tests: ${found.length - wrong} graded right, ${wrong} wrong.`;
    this.toast(found.length > 1 ? several : one, { kind: wrong ? 'wrong' : 'right' });
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.fading);
  }
}
