// Which candidates are shown, in what order, and which of them is looked at.

const REFRESH_MS = 20000;

const hasGrade = (name, vote) => (name === 'ungraded' ? !vote : name === 'graded' ? Boolean(vote) : name === `grade:${vote?.grade}`);

/** The queue of a review, the part of it that a filter leaves, and the cursor. */
export class Shelf {
  constructor(votes) {
    this.votes = votes;
    this.queue = this.view = new Float64Array();
    this.share = null; // of the queue, where inspectors share it: ids in order
    this.retired = new Set(); // settled by the team: not shown unless graded here
    this.cursor = 0;
    this.past = false; // whether the last one shown was graded, and nothing chosen since
    this.perPage = 1;
  }

  get page() {
    return Math.floor(this.cursor / this.perPage);
  }

  get pages() {
    return Math.max(1, Math.ceil(this.view.length / this.perPage));
  }

  get atEnd() {
    return this.cursor === this.view.length - 1;
  }

  get current() {
    return this.view[this.cursor];
  }

  idsOf(page) {
    return this.view.subarray(page * this.perPage, (page + 1) * this.perPage);
  }

  /** Whether everything that is left out is all there is. */
  get settled() {
    return this.queue.length > 0 && this.retired.size >= this.queue.length;
  }

  /** Take what this inspector is asked to grade, or null for everything. */
  takeShare(share) {
    this.share = share;
    this.inShare = share && new Set(share);
  }

  /** What this inspector grades in the end: all, or their share, but what has retired without a grade of theirs. */
  get total() {
    let settled = 0;
    for (const id of this.retired) settled += (!this.inShare || this.inShare.has(id)) && !this.votes.get(id);
    return (this.share ?? this.queue).length - settled;
  }

  /** How many of these are graded. */
  get graded() {
    if (!this.inShare) return this.votes.size;
    let graded = 0;
    for (const id of this.votes.byId.keys()) graded += this.inShare.has(id);
    return graded;
  }

  isOpen(id) {
    return !this.retired.has(id) || this.votes.get(id) !== null;
  }

  /**
   * Show the candidates that have the marks in `show`, of `part` where a filter has left and ordered these; begin where
   * `last` was looked at, or at the first without a grade. Of several grades one is enough; candidates of others' shares
   * are among them with "everyone".
   */
  filter(show, last, part = null) {
    const { votes } = this, graded = show.filter((one) => /grade/.test(one));
    const keep = (id) => (!graded.length || graded.some((one) => hasGrade(one, votes.get(id))))
      && (!show.includes('starred') || votes.note(id).starred) && (!show.includes('commented') || votes.note(id).comment);
    this.retires = !graded.some((one) => one !== 'ungraded') && !show.includes('starred') && !show.includes('commented');
    const everyone = !this.inShare || show.includes('everyone');
    const ids = everyone ? part ?? this.queue : part?.filter((id) => this.inShare.has(id)) ?? this.share;
    this.view = this.stillOpen(show.length ? ids.filter((id) => Boolean(keep(id))) : ids);
    this.cursor = Math.max(0, last == null ? -1 : this.indexFrom(last));
    if (this.votes.get(this.current)) this.cursor = Math.max(0, this.ungradedAfter(this.cursor) ?? this.cursor);
    this.past = false;
  }

  /** Show these candidates, whatever the filter. */
  show(view) {
    this.retires = false;
    this.view = view;
    this.moveTo(0);
  }

  stillOpen(ids) {
    return this.retires && this.retired.size ? ids.filter((id) => this.isOpen(id)) : ids;
  }

  /** Return the index of a candidate or, where it has retired, of the next one in the queue that has not. */
  indexFrom(id) {
    const index = this.view.indexOf(id);
    if (index >= 0 || this.isOpen(id)) return index;
    const next = this.queue.subarray(this.queue.indexOf(id)).find((one) => this.isOpen(one));
    return this.view.indexOf(next);
  }

  /** Leave out what has retired from the pages after the one that is shown. */
  leaveOutAhead() {
    const first = (this.page + 1) * this.perPage;
    const rest = this.stillOpen(this.view.subarray(first));
    if (first + rest.length >= this.view.length) return;
    const view = new Float64Array(first + rest.length);
    view.set(this.view.subarray(0, first));
    view.set(rest, first);
    this.view = view;
  }

  /** Return the index of the next candidate without a grade, from the beginning if need be; null for none. */
  ungradedAfter(cursor) {
    const { length } = this.view;
    for (let step = 1; step <= length; step++) {
      const index = (cursor + step) % length;
      if (!this.votes.get(this.view[index])) return index;
    }
    return null;
  }

  moveTo(cursor) {
    this.past = false;
    this.cursor = Math.min(this.view.length - 1, Math.max(0, cursor));
  }
}

/** Leaves candidates that the team's votes have settled out of the pages to come; asks nothing where none retire. */
export class Retired {
  constructor({ remote, shelf, retires }) {
    Object.assign(this, { remote, shelf, retires });
    this.asked = 0;
  }

  async load() {
    if (!this.retires) return;
    this.asked = Date.now();
    this.shelf.retired = new Set(await this.remote.retired());
  }

  /** Ask again after a while; the page that is shown, and those before, stay as they are. */
  async refresh() {
    if (Date.now() - this.asked < REFRESH_MS) return;
    try {
      await this.load();
      this.shelf.leaveOutAhead();
    } catch {
      // The pages stay as they were until the server answers again.
    }
  }
}
