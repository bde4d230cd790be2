// What the gallery says: instead of pictures, and to screen readers.

import { Refused } from "./remote.js";

const RETRY_MS = 2000;
const EMPTY = {
  all: 'Loading the review…',
  graded: 'Nothing is graded yet. Grades appear here as you give them.',
  ungraded: 'Everything is graded. Choose All to look again.',
};

export class Notices {
  constructor(root) {
    this.box = root.querySelector('.notice');
    this.spoken = root.querySelector('.spoken');
  }

  show(message) {
    this.box.hidden = false;
    this.box.textContent = message;
  }

  hide() {
    this.box.hidden = true;
  }

  empty(filter) {
    this.show(EMPTY[filter]);
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

  close() {
    this.closed = true;
    clearTimeout(this.retry);
  }
}
