// Moving about in what the gallery shows: by candidates, pages and likeness, and into the single view.

import { Showing } from "./showing.js";

const STILL_MADE = new Set(['queued', 'running', 'paused']);
const FEATURES_MS = 1500; // between two looks at how far features are

/** A gallery in which one moves the cursor and opens one candidate. */
export class Browsing extends Showing {
  // Moving about

  moveTo(cursor) {
    const { shelf } = this;
    if (this.single.open) this.single.comment.blur();
    shelf.moveTo(cursor);
    this.stopwatch.look();
    if (shelf.page !== this.shownPage) { this.show(); return; }
    this.mosaic.select(shelf.cursor % shelf.perPage);
    this.settings.lookAt(shelf.current);
    this.showSingle();
  }

  moveBy(step) { this.moveTo(this.shelf.cursor + step); }
  moveByRow(step) { this.moveBy(step * (this.single.open ? 1 : this.mosaic.columns)); }
  moveToFirst() { this.moveTo(0); }
  moveToLast() { this.moveTo(this.shelf.view.length - 1); }

  moveToUngraded() {
    const cursor = this.shelf.ungradedAfter(this.shelf.cursor);
    if (cursor === null) this.notices.say('Everything is graded.');
    else this.moveTo(cursor);
  }

  /** Turn pages; in the single view go on by one. */
  turn(step) {
    const { shelf } = this;
    this.moveTo(this.single.open ? shelf.cursor + step : (shelf.page + step) * shelf.perPage);
  }

  nextPage() { this.turn(1); }
  previousPage() { this.turn(-1); }

  /** Open the candidates of the whole source most alike the one under the cursor. */
  async findAlike(id = this.shelf.current) {
    const { notices, data } = this;
    if (id === undefined || this.searching) return;
    const name = this.facts.name(id), single = this.single.open;
    this.searching = true;
    notices.toast(`Looking for more like ${name}…`);
    try {
      const { review } = await this.remote.alike(id);
      if (review === data.review.name) {
        notices.toast(`These are already the candidates most like ${name}.`);
      } else {
        this.trail.add({ to: review, id, name, single });
        this.trigger('open', review);
      }
    } catch (error) {
      const { features } = error, train = { label: 'Train a network first', take: () => this.trigger('features', features) };
      notices.refused(error, features && (features.run ? { label: 'Make features now', take: () => this.makeFeatures(id, features) } : train));
    }
    this.searching = false;
  }

  /** Make the features of which a search has none, and offer it again once they are there. */
  async makeFeatures(id, features) {
    const { notices, remote } = this;
    clearTimeout(this.making);
    try {
      await this.followFeatures(id, await remote.makeFeatures(id));
    } catch (error) {
      notices.refused(error, error.status && { label: 'Open Features', take: () => this.trigger('features', features) });
    }
  }

  /** Say how far features are, until they are made: grading goes on meanwhile. */
  async followFeatures(id, { state, words }) {
    const { notices } = this, name = this.facts.name(id);
    if (state === 'done') {
      notices.toast(`Features are made: more like ${name} can be found.`, { kind: 'right', offer: { label: 'Show them', take: () => this.findAlike(id) } });
    } else if (STILL_MADE.has(state)) {
      notices.progress(`Features for more like ${name}: ${words}`);
      this.making = setTimeout(async () => {
        const told = await this.remote.features(id).catch(() => ({ state, words }));
        if (this.root.isConnected) this.followFeatures(id, told);
      }, FEATURES_MS);
    } else {
      notices.toast(`Features were not made: ${words || state}. The list of jobs says why.`, { kind: 'wrong' });
    }
  }

  /** Say where a score is explained: beside votes it would tell the score. */
  toggleExplain() {
    this.notices.toast('Why the network scores it so is shown where pictures are opened on Evaluate, Score and Features, not while grading.');
  }

  /** Return to the candidate whose like were looked for. */
  goToOrigin() {
    if (this.trail.last) this.trigger('open', this.trail.back().from);
    else this.notices.toast('This review was not opened by "Find more like this", so there is nothing to go back to.');
  }

  // Single view

  openSingle() {
    if (!this.shelf.view.length || this.single.open) return;
    this.single.root.hidden = false;
    this.mosaic.grid.inert = true;
    this.root.dataset.view = 'single';
    this.showSingle();
  }

  closeSingle() {
    this.stopBlinking();
    this.notices.take(this.aroundNote);
    this.single.root.hidden = true;
    delete this.root.dataset.view;
    this.mosaic.grid.inert = false;
    this.mosaic.grid.focus({ preventScroll: true });
  }

  toggleSingle() {
    if (this.single.open) this.closeSingle();
    else this.openSingle();
  }

  back() {
    if (this.notices.dismissOffer()) return;
    if (!this.end.root.hidden) this.end.hide();
    else if (this.levels.open) this.levels.open = false;
    else if (this.part.open && this.part.menu.open) this.part.menu.open = false;
    else if (!this.single.open && this.picks.size) this.picks.clear();
    else if (!this.single.open && this.compared) this.endComparing();
    else if (!this.single.open && this.part.shut()) this.mosaic.grid.focus({ preventScroll: true });
    else this.closeSingle();
  }

  showSingle() {
    if (!this.single.open) return;
    const { view, cursor, current } = this.shelf;
    this.single.readout.begin(current);
    const drawing = this.pictures.showOne(current);
    Promise.resolve(drawing).then(() => this.pictures.prefetchOnes([...view.subarray(cursor + 1, cursor + 3)]));
    this.describeSingle();
    this.offerAround(current);
    if (this.around) this.showAround();
    if (!this.data.review.blind_to_others) this.facts.renew(current).then((renewed) => renewed && this.describeSingle());
  }

  describeSingle() {
    if (!this.single.open) return;
    const { current } = this.shelf;
    this.single.describe(this.facts.of(current), { vote: this.votes.get(current), note: this.votes.note(current) });
  }

  /** Change what the single view shows. */
  changeView(changes) {
    this.settings.change(changes);
    this.showSettings();
    this.showSingle();
  }

  togglePanel(name) {
    const { panels } = this.settings.values;
    this.changeView({ panels: panels.includes(name) ? panels.filter((one) => one !== name) : [...panels, name] });
    this.openSingle();
  }

  /** Offer to show what lies around a candidate where something does, or say why there is nothing. */
  async offerAround(id) {
    const why = await this.facts.alone(id);
    if (id === this.shelf.current) this.toolbar.refuse('toggleAround', why);
  }

  /** Show what lies around the candidate, or no longer; where nothing does it is said, and no more is looked for. */
  async toggleAround() {
    const shown = this.around && this.beside?.around?.length, { current } = this.shelf;
    this.around = !shown;
    this.notices.take(this.aroundNote);
    this.aroundNote = null;
    this.openSingle();
    if (!this.around) { this.showBeside('around', []); return; }
    await this.showAround();
    if (this.aroundOf === current && !this.beside.around.length) this.around = false;
  }

  async showAround() {
    const { current } = this.shelf, { stretch } = this.settings.values;
    this.single.panelGrid.toggleAttribute('data-stale', this.aroundOf !== current);
    try {
      const { views, note } = await this.remote.around(current, stretch);
      if (!this.around || !this.single.open || current !== this.shelf.current) return;
      this.aroundOf = current;
      this.showBeside('around', views);
      if (note && note !== this.aroundNote) this.notices.toast(note);
      this.aroundNote = note; // said once, not for every candidate
    } catch (error) {
      if (current !== this.shelf.current) return;
      this.showBeside('around', []);
      this.notices.refused(error);
    }
  }

  /** Show further pictures beside the candidate's own, in the place of those of the same `kind`. */
  showBeside(kind, views) {
    this.beside = { ...this.beside, [kind]: views };
    this.single.showAround(Object.values(this.beside).flat());
    if (kind === 'around') this.toolbar.press('toggleAround', views.length > 0);
  }

  /** Show the pixels of the single view as squares, or smooth as in the mosaic. */
  togglePixels() {
    const pixels = !this.settings.values.pixels;
    this.changeView({ pixels });
    this.notices.say(pixels ? 'Pixels shown as squares.' : 'Pixels smoothed.');
  }

  toggleMarks() {
    this.changeView({ marks: !this.settings.values.marks });
    this.restretch({ live: false }); // the tiles have the frame too
  }

  pan(right, down) { this.zoomed?.pan(right, down); }

  blink() {
    this.openSingle();
    this.toolbar.press('blink', this.single.blink({ rate: this.settings.values.blinkRate }));
  }

  stopBlinking() {
    this.single.stopBlinking();
    this.toolbar.press('blink', false);
  }
}
