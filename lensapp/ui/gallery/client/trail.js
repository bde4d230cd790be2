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

  /** The step that led here: {from, to, id, name, single}, or null. */
  get last() {
    const step = this.stored.steps.at(-1);
    return step?.to === this.review ? step : null;
  }

  add(step) {
    this.store({ steps: [...this.stored.steps, { ...step, from: this.review }].slice(-LONGEST_TRAIL) });
  }

  /** Take the last step back; the review it came from will open at its candidate. */
  back() {
    const { last } = this;
    this.store({ steps: this.stored.steps.slice(0, -1), arrived: last });
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
