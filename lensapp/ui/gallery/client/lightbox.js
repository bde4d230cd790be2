// The lightbox: the gallery's single view over a page, for any cutout and without a review.

import { Gallery } from "./gallery.js";
import { LookRemote, NoVoting } from "./look.js";
import { RecordPanel } from "./record.js";

const AGAIN_MS = 700; // until an explanation that is under way is asked for again
const NO_REVIEW = { id: 0, name: '', order: '', blind: false, retire: false, blind_to_others: true, scored: true };

/** One cutout large, the others of its sheet by the arrows, and what is known of it. */
class Viewer extends Gallery {
  makeRemote() { return new LookRemote(this.data); }
  makeVoting() { return new NoVoting(); }
  fit() { return 1; }
  get bottom() { return this.root.closest('dialog').getBoundingClientRect().bottom; }

  makeViews() {
    super.makeViews();
    this.root.dataset.looking = '';
    this.explains = this.data.looking.explains;
    this.root.querySelector('[data-do="toggleExplain"]').hidden = !this.explains;
    this.record = new RecordPanel(this.root.querySelector('.record'), { onExplain: () => this.askWhy({ start: true }) });
    this.record.explain(null);
  }

  async filter() {
    this.shelf.filter([], this.data.looking.first);
    this.openSingle();
    this.layout();
  }

  show() {
    const { shelf } = this;
    this.shownPage = shelf.page;
    this.toolbar.showPosition(shelf.cursor + 1, shelf.view.length);
    this.notices.hide();
    this.showFacts([shelf.current]);
    this.showSingle();
    if (this.why) this.askWhy({ start: false });
  }

  moveTo(cursor) {
    const { view } = this.shelf, id = view[Math.min(view.length - 1, Math.max(0, cursor))];
    if (this.data.looking.sourceOf.get(id) === this.data.id) super.moveTo(cursor);
    else this.trigger('elsewhere', id);
  }

  describeSingle() {
    super.describeSingle();
    if (this.single.open) this.record.show(this.facts.cache.get(this.shelf.current));
  }

  closeSingle() { this.trigger('close', true); }
  toggleSingle() { this.closeSingle(); }

  // Why the network scores it so

  toggleExplain() {
    if (!this.explains) { this.notices.toast('No network is chosen here that could explain this score: open the picture on Evaluate or Score.'); return; }
    this.why = !this.why;
    this.toolbar.press('toggleExplain', this.why);
    if (this.why) this.askWhy({ start: true });
    else this.showWhy(null);
  }

  /** Ask why the cutout has its score until it is known; the maps of another one go at once. */
  async askWhy({ start }) {
    const { current } = this.shelf;
    clearTimeout(this.asking);
    if (this.whyOf !== current) this.showWhy({ state: 'asking', views: [], reading: '' });
    this.whyOf = current;
    try {
      const answer = await this.remote.explanation(current, { start });
      if (!this.why || current !== this.shelf.current) return;
      this.showWhy(answer);
      if (answer.state === 'waiting') this.asking = setTimeout(() => this.askWhy({ start: false }), AGAIN_MS);
    } catch (error) {
      if (current === this.shelf.current) this.showWhy({ state: 'failed', views: [], reading: error.status ? error.message : 'The server is not responding.' });
    }
  }

  showWhy(answer) {
    if (!answer) this.whyOf = undefined;
    this.record.explain(answer);
    this.showBeside('why', answer?.views ?? []);
  }

  close() {
    clearTimeout(this.asking);
    super.close();
  }
}

/** The dialog over the page; cutouts of several sources each have a viewer of their own, made when it is needed. */
export class Lightbox {
  /** @param data of the sheet: items of [id, source, …], sources by id, api, token, inspector */
  constructor(dialog, content, data) {
    Object.assign(this, { dialog, content });
    this.renew(data);
    dialog.addEventListener('click', ({ target }) => { if (target === dialog) dialog.close(); });
    dialog.addEventListener('close', () => this.closed());
  }

  renew(data) {
    this.data = data;
    if (this.viewer) this.viewer.remote.token = data.token;
  }

  open(id) {
    if (!this.dialog.open) this.dialog.showModal();
    this.show(id);
  }

  show(id) {
    const { data } = this, sourceOf = new Map(data.items.map(([key, source]) => [key, source]));
    const looking = { ids: [...sourceOf.keys()], sourceOf, first: id, explains: data.explains };
    const { api, token, workspace, inspector, known_lenses } = data;
    const own = { api, token, workspace, inspector, known_lenses, reviews: [], grades: [], contaminants: [], looking, review: { ...NO_REVIEW, size: sourceOf.size } };
    this.viewer?.close();
    this.dialog.replaceChildren(this.content.cloneNode(true));
    this.viewer = new Viewer(this.dialog.querySelector('.gallery'), { ...data.sources[sourceOf.get(id)], ...own }, (name, value) => this.take(name, value));
  }

  take(name, value) {
    if (name === 'elsewhere') this.show(value);
    else if (name === 'close') this.dialog.close();
  }

  closed() {
    this.viewer?.close();
    this.viewer = null;
    this.dialog.replaceChildren();
  }
}
