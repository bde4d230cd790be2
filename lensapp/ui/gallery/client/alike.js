// Find more like this: another review, and the way back from it.

const LONGEST_TRAIL = 20;

/** Where this tab came from: reviews that each were opened from a candidate of the one before. */
export class Trail {
  constructor({ workspace, review }) {
    this.review = review.name;
    this.key = `lensapp.trail:${workspace}`;
    this.stored = parsed(sessionStorage.getItem(this.key));
  }

  /** The step that led here: {from, to, id, name, single}, or null. */
  get last() {
    const step = this.stored.steps.at(-1);
    return step?.to === this.review ? step : null;
  }

  add(step) {
    this.keep({ steps: [...this.stored.steps, { ...step, from: this.review }].slice(-LONGEST_TRAIL) });
  }

  /** Take the last step back; the review it came from will open at its candidate. */
  back() {
    const { last } = this;
    this.keep({ steps: this.stored.steps.slice(0, -1), arrived: last });
    return last;
  }

  forget() {
    this.keep({ steps: [] });
  }

  /** Return the step that was just taken back to this review, once. */
  takeArrival() {
    const { steps, arrived } = this.stored;
    if (arrived) this.keep({ steps });
    return arrived?.from === this.review ? arrived : null;
  }

  keep(stored) {
    this.stored = stored;
    sessionStorage.setItem(this.key, JSON.stringify(stored));
  }
}

function parsed(text) {
  try {
    const { steps, arrived } = JSON.parse(text);
    return { steps: Array.isArray(steps) ? steps : [], arrived };
  } catch {
    return { steps: [] };
  }
}

/** Open the candidates of the whole source most alike the one under the cursor. */
export async function findAlike(gallery) {
  const { shelf, facts, notices, data, trail } = gallery, id = shelf.current;
  if (id === undefined || gallery.searching) return;
  const name = facts.name(id), single = gallery.single.open;
  gallery.searching = true;
  notices.toast(`Looking for more like ${name}…`);
  try {
    const { review } = await gallery.remote.alike(id);
    if (review === data.review.name) {
      notices.toast(`These are the candidates most alike ${name} already.`);
    } else {
      trail.add({ to: review, id, name, single });
      gallery.tell('open', review);
    }
  } catch (error) {
    notices.toast(error.status ? error.message : 'The server does not answer. Try again.', { kind: 'wrong' });
  }
  gallery.searching = false;
}

/** Return to the candidate whose like were looked for. */
export function goToOrigin(gallery) {
  const { last } = gallery.trail;
  if (last) gallery.tell('open', gallery.trail.back().from);
  else gallery.notices.toast('This review was not opened by Find more like this: there is no way back.');
}

/** Show the way back, and stand where one stood where it was just taken. */
export function arrive(gallery) {
  const { last } = gallery.trail, button = gallery.root.querySelector('[data-do="origin"]');
  button.hidden = !last;
  if (last) {
    button.title = `Back to ${last.name} in ${last.from} (Shift O)`;
    button.setAttribute('aria-label', button.title);
    button.querySelector('span').textContent = last.from;
  }
  const arrived = gallery.trail.takeArrival();
  const place = arrived ? gallery.shelf.view.indexOf(arrived.id) : -1;
  if (place < 0) return;
  gallery.moveTo(place);
  if (arrived.single) gallery.openSingle();
}
