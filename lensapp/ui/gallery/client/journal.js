// Votes on their way to the server: kept in localStorage until they are acknowledged.

import { Refused } from "./remote.js";

const OPS_PER_POST = 200; // stays below the 64 kB that a closing page may still send
const LONGEST_WAIT_MS = 8000;

const randomName = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((value) => value.toString(16).padStart(2, '0')).join('');

const CONFLICT = 409;
const BROWSER = 'lensapp.browser';
const told = new Set(); // who, in which review, has been told that another browser votes under the same name

/** Return a name for this tab that begins with that of its browser, by which the server tells two people of one name. */
function tabName() {
  const other = randomName();
  let browser = other.slice(0, 16);
  try {
    browser = localStorage.getItem(BROWSER) ?? browser;
    localStorage.setItem(BROWSER, browser);
  } catch {
    // Each tab is told from others then, which is no harm.
  }
  return `${browser}-${randomName()}`;
}

/** Sends each vote at once, again after a failure, and once more when the tab is opened again. */
export class Journal {
  /**
   * @param prefix distinguishes workspace, review and inspector
   * @param onState called with {state: 'saved' | 'saving' | 'offline' | 'refused', waiting, message}
   * @param onFeedback called with the blind tests that an answer reveals
   * @param onLate called with a message when votes came after the review was closed
   * @param onShared called with a message, once, when another browser votes under the same name
   */
  constructor({ remote, prefix, onState, onFeedback, onLate = () => {}, onShared = () => {} }) {
    Object.assign(this, { remote, prefix, onState, onFeedback, onLate, onShared });
    this.client = tabName();
    this.pending = [];
    this.sequence = 0;
    this.failures = 0;
    this.refusal = null;
    this.onHide = () => this.sendLast();
    this.onOnline = () => this.flush();
    addEventListener('pagehide', this.onHide);
    addEventListener('online', this.onOnline);
  }

  close() {
    removeEventListener('pagehide', this.onHide);
    removeEventListener('online', this.onOnline);
    clearTimeout(this.timer);
    this.closed = true;
    this.sendLast();
  }

  /** Store votes and send them. */
  add(ops) {
    if (!ops.length) return;
    for (const op of ops) this.pending.push({ seq: ++this.sequence, ...op });
    this.store();
    this.flush();
  }

  store() {
    try {
      if (this.pending.length) localStorage.setItem(this.prefix + this.client, JSON.stringify(this.pending));
      else localStorage.removeItem(this.prefix + this.client);
    } catch {
      // Storage is full or forbidden: votes are still sent, only a crash could lose them.
    }
  }

  async flush() {
    if (this.busy || this.refusal || !this.pending.length) return;
    clearTimeout(this.timer);
    this.busy = true;
    this.report();
    try {
      const answer = await this.remote.post(this.client, this.pending.slice(0, OPS_PER_POST), { keepalive: true });
      this.pending = this.pending.filter((op) => op.seq > answer.seq);
      this.failures = 0;
      if (answer.feedback?.length) this.onFeedback(answer.feedback);
      if (answer.late && !this.saidLate) this.onLate(answer.late);
      this.saidLate = Boolean(answer.late);
      if (answer.shared && !told.has(this.prefix)) {
        told.add(this.prefix);
        this.onShared(answer.shared);
      }
    } catch (error) {
      this.failures += 1;
      if (error instanceof Refused && error.status === CONFLICT) this.rename();
      else if (error instanceof Refused && error.status < 500) this.refusal = error.message;
    }
    this.busy = false;
    this.store();
    this.report();
    this.again();
  }

  /** Go on under another name: someone else's votes are stored under numbers of this tab. */
  rename() {
    localStorage.removeItem(this.prefix + this.client);
    this.client = tabName();
  }

  again() {
    if (this.closed || this.refusal || !this.pending.length) return;
    const wait = this.failures ? Math.min(LONGEST_WAIT_MS, 250 * 2 ** this.failures) : 0;
    this.timer = setTimeout(() => this.flush(), wait);
  }

  /** A new token may mend a refusal. */
  retry() {
    this.refusal = null;
    this.flush();
  }

  sendLast() {
    if (!this.pending.length) return;
    this.remote.post(this.client, this.pending.slice(0, OPS_PER_POST), { keepalive: true }).then(
      (answer) => { this.pending = this.pending.filter((op) => op.seq > answer.seq); this.store(); },
      () => {},
    );
  }

  report() {
    let state = 'saved';
    if (this.refusal) state = 'refused';
    else if (this.failures) state = 'offline';
    else if (this.pending.length) state = 'saving';
    this.onState({ state, waiting: this.pending.length, message: this.refusal });
  }

  /** Send what other tabs, closed or crashed, left behind; return those votes. */
  replay() {
    const left = [];
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(this.prefix) || key === this.prefix + this.client) continue;
      const stored = localStorage.getItem(key);
      const ops = parsed(stored);
      for (const op of ops) left.push(op);
      this.sendOthers(key, stored, ops);
    }
    return left.sort((one, other) => one.voted_at - other.voted_at);
  }

  async sendOthers(key, stored, ops) {
    const client = key.slice(this.prefix.length);
    try {
      await this.sendAll(client, ops).catch((error) => {
        if (error.status !== CONFLICT) throw error;
        return this.sendAll(tabName(), ops);
      });
      if (localStorage.getItem(key) === stored) localStorage.removeItem(key);
    } catch {
      // They stay in localStorage for the next time.
    }
  }

  async sendAll(client, ops) {
    for (let start = 0; start < ops.length; start += OPS_PER_POST) {
      await this.remote.post(client, ops.slice(start, start + OPS_PER_POST), { keepalive: false });
    }
  }
}

function parsed(stored) {
  try {
    const ops = JSON.parse(stored);
    return Array.isArray(ops) ? ops : [];
  } catch {
    return [];
  }
}
