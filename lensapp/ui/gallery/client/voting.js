// Giving votes, taking them back, and keeping other tabs and the server in step.

import { Journal } from "./journal.js";
import { Votes, sameVote } from "./votes.js";

const LONGEST_SECONDS = 86400;

const voteOf = ({ grade, contaminant }) => (grade ? { grade, contaminant } : null);

/** One inspector's votes in one review. */
export class Voting {
  /**
   * @param circumstances called for each vote: {score_seen, stretch}
   * @param seconds called once for what is graded together: seconds it was looked at
   * @param onChanged called with a cutout id whose vote has changed
   * @param onState called with the journal's state
   * @param onFeedback called with what the server tells about blind tests
   */
  constructor({ data, remote, circumstances, seconds, onChanged, onState, onFeedback }) {
    Object.assign(this, { remote, circumstances, seconds, onChanged });
    this.votes = new Votes(data.grades);
    const prefix = `lensapp.votes:${data.workspace}:${data.review.id}:${data.inspector}:`;
    this.journal = new Journal({ remote, prefix, onState, onFeedback });
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
    for (const { id } of replaced) this.votes.put(id, vote);
    this.send(replaced.map(({ id }) => id), { seconds });
    if (vote) replaced.forEach(() => this.votes.spent(seconds));
    replaced.forEach(({ id }) => this.onChanged(id));
  }

  /** Keep a comment or a star beside the vote, or without one. */
  annotate(id, changes) {
    this.votes.putNote(id, { ...this.votes.note(id), ...changes });
    this.send([id], { seconds: null });
    this.onChanged(id);
  }

  /** Undo what this tab graded last by new votes; return the first cutout id, or null. */
  undo() {
    const replaced = this.votes.takeBack();
    for (const { id, before } of replaced) this.votes.put(id, before);
    this.send(replaced.map(({ id }) => id), { seconds: null });
    replaced.forEach(({ id }) => this.onChanged(id));
    return replaced[0]?.id ?? null;
  }

  send(ids, { seconds }) {
    const ops = ids.map((id) => ({
      id,
      grade: this.votes.get(id)?.grade ?? null,
      contaminant: this.votes.get(id)?.contaminant ?? null,
      comment: this.votes.note(id).comment,
      starred: this.votes.note(id).starred,
      voted_at: Date.now() / 1000,
      seconds_spent: seconds === null ? null : Number(seconds.toFixed(3)),
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
