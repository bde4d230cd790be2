// An inspector's votes in this review, and the way back.

const PACE_SAMPLE = 500;

const same = (one, other) => one?.grade === other?.grade && one?.contaminant === other?.contaminant;

/** Votes by cutout id, counted as they change. */
export class Votes {
  constructor(grades) {
    this.tally = Object.fromEntries(grades.map((grade) => [grade.letter, 0]));
    this.given = new Map();
    this.past = [];
    this.seconds = [];
  }

  load(stored) {
    for (const [id, [grade, contaminant, seconds]] of Object.entries(stored)) {
      this.put(Number(id), { grade, contaminant });
      if (seconds != null) this.seconds.push(seconds);
    }
  }

  get(id) {
    return this.given.get(id) ?? null;
  }

  get size() {
    return this.given.size;
  }

  /** Set or, with null, remove a vote; return whether that changed anything. */
  put(id, vote) {
    const before = this.get(id);
    if (same(before, vote)) return false;
    if (before) this.tally[before.grade] -= 1;
    if (vote) this.tally[vote.grade] += 1;
    if (vote) this.given.set(id, vote);
    else this.given.delete(id);
    return true;
  }

  remember(id, before) {
    this.past.push({ id, before });
  }

  /** Return what the last vote of this tab replaced: {id, before}. */
  takeBack() {
    return this.past.pop() ?? null;
  }

  spent(seconds) {
    this.seconds.push(seconds);
  }

  /** Median seconds of the latest votes. */
  get pace() {
    const latest = this.seconds.slice(-PACE_SAMPLE).sort((a, b) => a - b);
    return latest.length ? latest[latest.length >> 1] : null;
  }
}
