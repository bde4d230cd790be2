// Cutouts looked at without a review: where their pictures come from, and votes that nobody can give.

import { Remote } from "./remote.js";
import { Votes } from "./votes.js";

const NEVER = -1; // when what the server keeps was changed: it keeps nothing here

/** The routes of the lightbox, asked with a token that allows to look. */
export class LookRemote extends Remote {
  constructor(data) {
    super(data);
    this.looking = data.looking;
  }

  async queue() { return Float64Array.from(this.looking.ids); }
  async votes() { return {}; }
  async view() { return { settings: {}, last: null, changed: NEVER }; }
  async saveView() {}

  /** What is known of candidates; always all of it. */
  async candidates(ids) {
    return Promise.all(ids.map((id) => this.record(id)));
  }

  record(id) {
    const path = `record?ids=${id}`;
    return this.cache.fetch(path, async () => ({ ...await (await this.get(path)).json(), weight: 1 }));
  }

  /** Why the network of the page scores a cutout so; with `start` it is asked to find out. */
  async explanation(id, { start }) {
    const path = `explanation?ids=${id}`;
    return start ? this.send(path, {}, { keepalive: false }) : (await this.get(path)).json();
  }
}

/** Takes the place of one inspector's votes: there are none, and none can be given. */
export class NoVoting {
  votes = new Votes([]);
  journal = { retry() {} };

  async load() {}
  close() {}
}
