// An inspector's votes and notes in this review, and the way back.

const PACE_SAMPLE = 500;
const NO_NOTE = Object.freeze({ comment: null, starred: false });

export const sameVote = (one, other) => one?.grade === other?.grade && one?.contaminant === other?.contaminant;

/** Votes by cutout id, counted as they change; notes are a comment and a star. */
export class Votes {
  constructor(grades) {
    this.tally = Object.fromEntries(grades.map((grade) => [grade.letter, 0]));
    this.given = new Map();
    this.notes = new Map();
    this.past = [];
    this.seconds = [];
  }

  load(stored) {
    for (const [key, [grade, contaminant, seconds, comment, starred]] of Object.entries(stored)) {
      const id = Number(key);
      if (grade) this.put(id, { grade, contaminant });
      if (grade && seconds != null) this.seconds.push(seconds);
      this.putNote(id, { comment, starred });
    }
  }

  get(id) {
    return this.given.get(id) ?? null;
  }

  note(id) {
    return this.notes.get(id) ?? NO_NOTE;
  }

  get size() {
    return this.given.size;
  }

  /** Set or, with null, remove a vote; return whether that changed anything. */
  put(id, vote) {
    const before = this.get(id);
    if (sameVote(before, vote)) return false;
    if (before) this.tally[before.grade] -= 1;
    if (vote) this.tally[vote.grade] = (this.tally[vote.grade] ?? 0) + 1;
    if (vote) this.given.set(id, vote);
    else this.given.delete(id);
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

  spent(seconds) {
    this.seconds.push(seconds);
  }

  /** Mean seconds of the latest votes, idle time cut. */
  get pace() {
    const latest = this.seconds.slice(-PACE_SAMPLE);
    return latest.length ? latest.reduce((sum, value) => sum + value, 0) / latest.length : null;
  }
}
