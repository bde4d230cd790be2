// Names and positions of candidates; scores and known lenses only when asked for.

const FACTS_KEPT = 5000;

/** Fetches facts and remembers whose score was visible, since votes record that. */
export class Facts {
  constructor(remote) {
    this.remote = remote;
    this.known = new Map();
    this.seen = new Set();
    this.scoresShown = false;
    this.lensesShown = false;
  }

  name(id) {
    return this.known.get(id)?.name ?? `Candidate ${id}`;
  }

  /** Return the score, or null while scores are hidden. */
  score(id) {
    return this.scoresShown ? this.known.get(id)?.score ?? null : null;
  }

  /** Return the known lens at a candidate, or null while these are hidden. */
  lens(id) {
    return this.lensesShown ? this.known.get(id)?.known ?? null : null;
  }

  /** Return everything about a candidate that may be shown. */
  of(id) {
    return { ...this.known.get(id), score: this.score(id), known: this.lens(id) };
  }

  isMissing(id) {
    const facts = this.known.get(id);
    return !facts || (this.scoresShown && facts.score === undefined) || (this.lensesShown && facts.known === undefined);
  }

  /** Fetch what is missing for `ids`; return whether it could be fetched. */
  async fetch(ids) {
    const { scoresShown } = this;
    try {
      if (ids.some((id) => this.isMissing(id))) await this.add(ids);
    } catch {
      return false; // names are a comfort; pictures and votes tell of a server that is away
    }
    if (scoresShown && this.scoresShown) ids.forEach((id) => this.seen.add(id));
    return true;
  }

  /** Fetch again what others voted on a candidate meanwhile; return whether it could be fetched. */
  async renew(id) {
    try {
      await this.add([id]);
      return true;
    } catch {
      return false;
    }
  }

  async add(ids) {
    if (this.known.size > FACTS_KEPT) this.known.clear();
    const wanted = { scores: this.scoresShown, known: this.lensesShown };
    for (const facts of await this.remote.candidates(ids, wanted)) {
      this.known.set(facts.id, { ...this.known.get(facts.id), ...facts });
    }
  }
}
