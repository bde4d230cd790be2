// An inspector's votes and notes in this review: giving them, taking them back, and how long each took.

import { Journal } from "./journal.js";

const PACE_SAMPLE = 500;
const NO_NOTE = Object.freeze({ comment: null, starred: false });
const LONGEST_SECONDS = 86400;
const IDLE_SECONDS = 60;
const SIGNS_OF_LIFE = ['keydown', 'pointerdown', 'pointermove', 'wheel'];

const sameVote = (one, other) => one?.grade === other?.grade && one?.contaminant === other?.contaminant;
const voteOf = ({ grade, contaminant }) => (grade ? { grade, contaminant } : null);

const total = (seconds) => seconds.reduce((sum, value) => sum + Math.min(IDLE_SECONDS, value), 0);

/** Votes by cutout id, counted as they change; notes are a comment and a star. */
export class Votes {
  constructor(grades) {
    this.tally = Object.fromEntries(grades.map((grade) => [grade.letter, 0]));
    this.byId = new Map();
    this.notes = new Map();
    this.past = [];
    this.seconds = new Map(); // of the votes that count
    this.latest = []; // ids of these, the last one at the end
  }

  load(stored) {
    for (const [key, [grade, contaminant, seconds, comment, starred]] of Object.entries(stored)) {
      const id = Number(key);
      if (grade) this.put(id, { grade, contaminant });
      this.spent(id, grade ? seconds : null);
      this.putNote(id, { comment, starred });
    }
  }

  get(id) {
    return this.byId.get(id) ?? null;
  }

  note(id) {
    return this.notes.get(id) ?? NO_NOTE;
  }

  get size() {
    return this.byId.size;
  }

  /** Set or, with null, remove a vote; return whether that changed anything. */
  put(id, vote) {
    const before = this.get(id);
    if (sameVote(before, vote)) return false;
    if (before) this.tally[before.grade] -= 1;
    if (vote) this.tally[vote.grade] = (this.tally[vote.grade] ?? 0) + 1;
    if (vote) this.byId.set(id, vote);
    else this.byId.delete(id);
    return true;
  }

  putNote(id, { comment, starred }) {
    if (comment || starred) this.notes.set(id, { comment: comment || null, starred: Boolean(starred) });
    else this.notes.delete(id);
  }

  /** Remember what votes replaced that were given together: [{id, before}]. */
  remember(replaced) {
    this.past.push(replaced);
  }

  /** Return what the last votes of this tab replaced, or nothing. */
  takeBack() {
    return this.past.pop() ?? [];
  }

  /** Note how long the vote that counts took; null where that is not known. */
  spent(id, seconds) {
    if (this.seconds.delete(id)) this.latest = this.latest.filter((one) => one !== id);
    if (seconds == null) return;
    this.seconds.set(id, seconds);
    this.latest.push(id);
    if (this.latest.length > PACE_SAMPLE) this.latest.shift();
  }

  /** Mean seconds of the latest votes that count, by which the time left is reckoned. */
  get pace() {
    return this.latest.length ? total(this.latest.map((id) => this.seconds.get(id))) / this.latest.length : null;
  }

  /** Mean seconds of the votes that count, a look of over a minute as one: what the page Team calls so too. */
  get each() {
    return this.seconds.size ? this.inAll / this.seconds.size : null;
  }

  /** Seconds of all votes that count, a look of over a minute as one. */
  get inAll() {
    return total([...this.seconds.values()]);
  }
}

/** One inspector's votes in one review. */
export class Voting {
  /**
   * @param circumstances called for each vote: {score_seen, stretch}
   * @param seconds called once for what is graded together: seconds it was looked at
   * @param onChanged called with a cutout id whose vote has changed
   * @param onState called with the journal's state
   * @param onFeedback called with the blind tests that an answer reveals
   * @param onLate called with a message when votes came after the review was closed
   * @param onShared called with a message, once, when another browser votes under the same name
   */
  constructor({ data, remote, circumstances, seconds, onChanged, onState, onFeedback, onLate, onShared }) {
    Object.assign(this, { remote, circumstances, seconds, onChanged });
    this.votes = new Votes(data.grades);
    const prefix = `lensapp.votes:${data.workspace}:${data.review.id}:${data.inspector}:`;
    this.journal = new Journal({ remote, prefix, onState, onFeedback, onLate, onShared });
    this.channel = new BroadcastChannel(prefix);
    this.channel.onmessage = ({ data: { id, vote, note } }) => {
      this.votes.put(id, vote);
      this.votes.putNote(id, note);
      onChanged(id);
    };
  }

  /** Fetch the votes that are stored; add those that a closed tab left behind. */
  async load() {
    this.votes.load(await this.remote.votes());
    for (const op of this.journal.replay()) {
      this.votes.put(op.id, voteOf(op));
      this.votes.putNote(op.id, op);
    }
    this.journal.report();
  }

  /** Grade candidates together or, with null, withdraw their votes; the same vote again is not sent. */
  give(ids, vote) {
    const replaced = ids.map((id) => ({ id, before: this.votes.get(id) })).filter(({ before }) => !sameVote(before, vote));
    if (!replaced.length) return;
    const seconds = Math.min(LONGEST_SECONDS, this.seconds()) / replaced.length;
    this.votes.remember(replaced);
    for (const { id } of replaced) {
      this.votes.put(id, vote);
      this.votes.spent(id, vote ? seconds : null);
    }
    this.send(replaced.map(({ id }) => id));
    replaced.forEach(({ id }) => this.onChanged(id));
  }

  /** Keep a comment or a star beside the vote, or without one. */
  annotate(id, changes) {
    this.votes.putNote(id, { ...this.votes.note(id), ...changes });
    this.send([id]);
    this.onChanged(id);
  }

  /** Undo what this tab graded last by new votes; return the first cutout id, or null. */
  undo() {
    const replaced = this.votes.takeBack();
    for (const { id, before } of replaced) {
      this.votes.put(id, before);
      this.votes.spent(id, null);
    }
    this.send(replaced.map(({ id }) => id));
    replaced.forEach(({ id }) => this.onChanged(id));
    return replaced[0]?.id ?? null;
  }

  send(ids) {
    const seconds = (id) => this.votes.seconds.get(id) ?? null;
    const ops = ids.map((id) => ({
      id,
      grade: this.votes.get(id)?.grade ?? null,
      contaminant: this.votes.get(id)?.contaminant ?? null,
      comment: this.votes.note(id).comment,
      starred: this.votes.note(id).starred,
      voted_at: Date.now() / 1000,
      seconds_spent: seconds(id) === null ? null : Number(seconds(id).toFixed(3)),
      ...this.circumstances(id),
    }));
    this.journal.add(ops);
    for (const id of ids) this.channel.postMessage({ id, vote: this.votes.get(id), note: this.votes.note(id) });
  }

  close() {
    this.channel.close();
    this.journal.close();
  }
}

/**
 * Counts the seconds a candidate is really looked at, since the last call of `look`: a pause longer than a minute
 * counts as one, and a hidden tab not at all.
 */
export class Stopwatch {
  constructor() {
    this.look();
    this.onLife = () => this.tick();
    SIGNS_OF_LIFE.forEach((name) => addEventListener(name, this.onLife, { capture: true, passive: true }));
    this.onVisibility = () => { if (document.hidden) this.tick(); else this.last = performance.now(); };
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  close() {
    SIGNS_OF_LIFE.forEach((name) => removeEventListener(name, this.onLife, { capture: true }));
    document.removeEventListener('visibilitychange', this.onVisibility);
  }

  /** Begin anew: another candidate is looked at. */
  look() {
    this.active = 0;
    this.last = performance.now();
  }

  tick() {
    const now = performance.now();
    if (!document.hidden || now > this.last) this.active += Math.min(IDLE_SECONDS, (now - this.last) / 1000);
    this.last = now;
  }

  get seconds() {
    this.tick();
    return this.active;
  }
}
