// Which candidates are shown, in what order, and which of them is looked at.

/** The queue of a review, the part of it that a filter leaves, and the cursor. */
export class Shelf {
  constructor(votes) {
    this.votes = votes;
    this.queue = this.view = new Float64Array();
    this.cursor = 0;
    this.perPage = 1;
  }

  get page() {
    return Math.floor(this.cursor / this.perPage);
  }

  get pages() {
    return Math.max(1, Math.ceil(this.view.length / this.perPage));
  }

  get current() {
    return this.view[this.cursor];
  }

  idsOf(page) {
    return this.view.subarray(page * this.perPage, (page + 1) * this.perPage);
  }

  /** Show the candidates that meet `filter`; begin where `last` was looked at, or at the first without a grade. */
  filter(filter, last) {
    const { votes } = this;
    const kinds = {
      all: null, graded: (id) => votes.get(id), ungraded: (id) => !votes.get(id),
      starred: (id) => votes.note(id).starred, commented: (id) => votes.note(id).comment,
    };
    const keep = filter.startsWith('grade:') ? (id) => votes.get(id)?.grade === filter.slice(6) : kinds[filter];
    this.view = keep ? this.queue.filter((id) => Boolean(keep(id))) : this.queue;
    const start = last == null ? -1 : this.view.indexOf(last);
    this.cursor = start < 0 ? 0 : start;
    if (this.votes.get(this.current)) this.cursor = Math.max(0, this.ungradedAfter(this.cursor) ?? this.cursor);
  }

  /** Return the place of the next candidate without a grade, from the beginning if need be; null for none. */
  ungradedAfter(cursor) {
    const { length } = this.view;
    for (let step = 1; step <= length; step++) {
      const place = (cursor + step) % length;
      if (!this.votes.get(this.view[place])) return place;
    }
    return null;
  }

  moveTo(cursor) {
    this.cursor = Math.min(this.view.length - 1, Math.max(0, cursor));
  }
}
