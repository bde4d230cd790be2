// Names, positions and, only when asked for, scores of candidates.

const FACTS_KEPT = 5000;

/** Fetches facts and remembers whose score was visible, since votes record that. */
export class Facts {
  constructor(remote) {
    this.remote = remote;
    this.known = new Map();
    this.seen = new Set();
    this.scoresShown = false;
  }

  name(id) {
    return this.known.get(id)?.name ?? `Candidate ${id}`;
  }

  /** Return the score, or null while scores are hidden. */
  score(id) {
    return this.scoresShown ? this.known.get(id)?.score ?? null : null;
  }

  /** Return everything about a candidate that may be shown. */
  of(id) {
    return { ...this.known.get(id), score: this.score(id) };
  }

  /** Fetch what is missing for `ids`; return whether it could be fetched. */
  async fetch(ids) {
    const scores = this.scoresShown;
    const isMissing = (id) => !this.known.has(id) || (scores && this.known.get(id).score === undefined);
    try {
      if (ids.some(isMissing)) await this.add(ids, { scores });
    } catch {
      return false; // names are a comfort; pictures and votes tell of a server that is away
    }
    if (scores && this.scoresShown) ids.forEach((id) => this.seen.add(id));
    return true;
  }

  async add(ids, { scores }) {
    if (this.known.size > FACTS_KEPT) this.known.clear();
    for (const facts of await this.remote.candidates(ids, { scores })) this.known.set(facts.id, facts);
  }
}
