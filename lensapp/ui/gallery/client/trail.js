// The way back from "Find more like this".

const LONGEST_TRAIL = 20;

/** Where this tab came from: reviews that each were opened from a candidate of the one before. */
export class Trail {
  constructor({ workspace, review }) {
    this.review = review.name;
    this.key = `lensapp.trail:${workspace}`;
    try {
      const { steps, arrived } = JSON.parse(sessionStorage.getItem(this.key));
      this.stored = { steps: Array.isArray(steps) ? steps : [], arrived };
    } catch {
      this.stored = { steps: [] };
    }
  }

  /** Where the step that led here stands, -1 without one; the browser's Back leaves those after it. */
  get place() { return this.stored.steps.findLastIndex(({ to }) => to === this.review); }

  /** The step that led here: {from, to, id, name, single}, or null. */
  get last() { return this.stored.steps[this.place] ?? null; }

  add(step) {
    const before = this.stored.steps.slice(0, this.place + 1);
    this.store({ steps: [...before, { ...step, from: this.review }].slice(-LONGEST_TRAIL) });
  }

  /** Take the last step back; the review it came from will open at its candidate. */
  back() {
    const { last, place } = this;
    this.store({ steps: this.stored.steps.slice(0, place), arrived: last });
    return last;
  }

  forget() {
    this.store({ steps: [] });
  }

  /** Return the step that was just taken back to this review, once. */
  takeArrival() {
    const { steps, arrived } = this.stored;
    if (arrived) this.store({ steps });
    return arrived?.from === this.review ? arrived : null;
  }

  store(stored) {
    this.stored = stored;
    sessionStorage.setItem(this.key, JSON.stringify(stored));
  }
}
