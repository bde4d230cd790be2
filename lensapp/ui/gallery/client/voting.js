// Giving votes, taking them back, and keeping other tabs and the server in step.

import { Journal } from "./journal.js";
import { Votes } from "./votes.js";

const LONGEST_SECONDS = 86400;

const same = (one, other) => one?.grade === other?.grade && one?.contaminant === other?.contaminant;
const voteOf = ({ grade, contaminant }) => (grade ? { grade, contaminant } : null);

/** One inspector's votes in one review. */
export class Voting {
  /**
   * @param circumstances called for each vote: {lookedAtSince, score_seen, stretch}
   * @param onChanged called with a cutout id whose vote has changed
   * @param onState called with the journal's state
   */
  constructor({ data, remote, circumstances, onChanged, onState }) {
    Object.assign(this, { remote, circumstances, onChanged });
    this.votes = new Votes(data.grades);
    const prefix = `lensapp.votes:${data.workspace}:${data.review.id}:${data.inspector}:`;
    this.journal = new Journal({ remote, prefix, onState });
    this.channel = new BroadcastChannel(prefix);
    this.channel.onmessage = ({ data: { id, vote } }) => { if (this.votes.put(id, vote)) onChanged(id); };
  }

  /** Fetch the votes that are stored; add those that a closed tab left behind. */
  async load() {
    this.votes.load(await this.remote.votes());
    for (const op of this.journal.replay()) this.votes.put(op.id, voteOf(op));
    this.journal.report();
  }

  /** Grade a candidate or, with null, withdraw its vote; the same vote again is not sent. */
  give(id, vote) {
    const before = this.votes.get(id);
    if (same(before, vote)) return;
    this.votes.put(id, vote);
    this.votes.remember(id, before);
    const seconds = this.send(id, vote, { timed: true });
    if (vote) this.votes.spent(seconds);
    this.onChanged(id);
  }

  /** Undo the last vote of this tab by a new one; return its cutout id, or null. */
  undo() {
    const last = this.votes.takeBack();
    if (!last) return null;
    this.votes.put(last.id, last.before);
    this.send(last.id, last.before, { timed: false });
    this.onChanged(last.id);
    return last.id;
  }

  send(id, vote, { timed }) {
    const { lookedAtSince, ...circumstances } = this.circumstances(id);
    const seconds = Math.min(LONGEST_SECONDS, (performance.now() - lookedAtSince) / 1000);
    this.journal.add({
      id,
      grade: vote?.grade ?? null,
      contaminant: vote?.contaminant ?? null,
      voted_at: Date.now() / 1000,
      seconds_spent: timed ? Number(seconds.toFixed(3)) : null,
      ...circumstances,
    });
    this.channel.postMessage({ id, vote });
    return seconds;
  }

  close() {
    this.channel.close();
    this.journal.close();
  }
}
