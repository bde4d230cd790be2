// The gallery: which candidate is looked at, what keys and controls do to it.

import { takeButton, takeKey, takeSetting } from "./controls.js";
import { Facts } from "./facts.js";
import { fillHelp } from "./keys.js";
import { Mosaic } from "./mosaic.js";
import { Notices } from "./notices.js";
import { Pictures } from "./pages.js";
import { Remote } from "./remote.js";
import { Settings } from "./settings.js";
import { SingleView } from "./single.js";
import { Toolbar } from "./toolbar.js";
import { Voting } from "./voting.js";

const BOTTOM_MARGIN = 10;
const LEAST_HEIGHT = 260;

/** The state of one mounted gallery: the candidates shown, the cursor, the views. */
export class Gallery {
  constructor(root, data, tell) {
    Object.assign(this, { root, data, tell });
    this.stage = root.querySelector('.stage');
    this.colours = Object.fromEntries(data.grades.map((grade) => [grade.letter, grade.colour]));
    this.remote = new Remote(data);
    this.facts = new Facts(this.remote);
    this.notices = new Notices(root);
    this.settings = new Settings(data.inspector, data.source);
    this.makeViews();
    this.voting = new Voting({
      data, remote: this.remote, circumstances: (id) => this.circumstances(id),
      onChanged: (id) => this.marked(id), onState: (state) => this.toolbar.saved(state),
    });
    this.votes = this.voting.votes;
    this.queue = this.view = new Float64Array();
    this.cursor = 0;
    this.perPage = 1;
    this.listen();
    localStorage.setItem('lensapp.inspector', data.inspector);
    this.start();
  }

  makeViews() {
    const { root, data } = this;
    this.mosaic = new Mosaic(root.querySelector('.grid'), {
      colours: this.colours,
      onPick: (place) => this.moveTo(this.page * this.perPage + place),
      onOpen: () => this.openSingle(),
    });
    this.single = new SingleView(root.querySelector('.single'), {
      bands: data.bands, grades: data.grades, gains: data.gains,
      onGrade: (grade) => this.grade({ grade, contaminant: null }),
    });
    this.toolbar = new Toolbar(root, {
      bands: data.bands, onSet: (...change) => takeSetting(this, ...change), onDo: (name) => takeButton(this, name),
    });
    this.pictures = new Pictures({
      remote: this.remote, mosaic: this.mosaic, single: this.single, gains: data.gains, settings: this.settings,
      chosenBands: () => this.chosenBands(), onError: (error) => this.notices.failed(error, () => this.show()),
    });
    fillHelp(root.querySelector('.help'), data);
    this.toolbar.reviews(data.reviews, data.review.name);
    this.toolbar.order(data.review.order);
    this.facts.scoresShown = data.review.scored && !data.review.blind;
    this.toolbar.scores({ shown: this.facts.scoresShown, exist: data.review.scored });
    this.showSettings();
  }

  listen() {
    this.onKey = (event) => takeKey(this, event);
    this.onResize = () => this.scheduleLayout();
    document.addEventListener('keydown', this.onKey, true);
    addEventListener('resize', this.onResize);
    this.observer = new ResizeObserver(this.onResize);
    this.observer.observe(this.root);
    this.stage.addEventListener('pointerdown', () => { this.root.querySelector('.levels').open = false; });
  }

  close() {
    this.notices.close();
    document.removeEventListener('keydown', this.onKey, true);
    removeEventListener('resize', this.onResize);
    this.observer.disconnect();
    this.voting.close();
  }

  async start() {
    try {
      [this.queue] = await Promise.all([this.remote.queue(), this.voting.load()]);
    } catch (error) {
      this.notices.failed(error, () => this.start());
      return;
    }
    this.filter();
  }

  /** Take over a renewed token. */
  renew(data) {
    Object.assign(this.data, data);
    this.remote.renew(data);
    this.voting.journal.retry();
    this.toolbar.reviews(data.reviews, data.review.name);
  }

  // What is shown

  filter() {
    const { filter } = this.settings.values;
    const graded = (id) => this.votes.get(id) !== null;
    this.view = this.queue;
    if (filter === 'graded') this.view = this.queue.filter(graded);
    if (filter === 'ungraded') this.view = this.queue.filter((id) => !graded(id));
    const first = this.view.findIndex((id) => !graded(id));
    this.cursor = Math.max(0, first);
    this.layout();
  }

  layout() {
    const top = this.stage.getBoundingClientRect().top;
    const height = Math.max(LEAST_HEIGHT, Math.floor(innerHeight - Math.max(0, top) - BOTTOM_MARGIN));
    const width = this.stage.clientWidth;
    this.stage.style.height = `${height}px`;
    if (!width) return;
    this.perPage = this.mosaic.layout({ width, height, wanted: this.settings.values.tile });
    this.single.layout({ width, height });
    this.show();
  }

  scheduleLayout() {
    const { clientWidth } = this.stage;
    const size = `${clientWidth} ${innerHeight} ${Math.round(this.stage.getBoundingClientRect().top)}`;
    if (size === this.laidOut || this.layoutFrame) return;
    this.layoutFrame = requestAnimationFrame(() => {
      this.layoutFrame = 0;
      this.laidOut = size;
      this.layout();
    });
  }

  get page() {
    return Math.floor(this.cursor / this.perPage);
  }

  get current() {
    return this.view[this.cursor];
  }

  idsOf(page) {
    return this.view.subarray(page * this.perPage, (page + 1) * this.perPage);
  }

  chosenBands() {
    const places = this.settings.values.rgb.map((band) => this.data.bands.indexOf(band));
    return places.length && !places.includes(-1) ? places : this.data.rgb;
  }

  /** Show the page of the cursor. */
  show({ live = false } = {}) {
    this.shownPage = this.page;
    const pages = Math.max(1, Math.ceil(this.view.length / this.perPage));
    this.toolbar.page(this.page + 1, pages);
    this.showProgress();
    if (!this.view.length) { this.notices.empty(this.settings.values.filter); return; }
    this.notices.hide();
    const ids = [...this.idsOf(this.page)];
    this.mosaic.limit(ids.length);
    ids.forEach((id, place) => this.markTile(place, id));
    this.mosaic.select(this.cursor % this.perPage);
    const drawing = this.pictures.page(ids, { live });
    this.stage.toggleAttribute('data-loading', !live && !this.pictures.pageReady);
    Promise.resolve(drawing).then(() => this.drawn());
    this.tellFacts(ids);
    this.showSingle();
  }

  drawn() {
    if (!this.pictures.pageReady) return;
    this.stage.removeAttribute('data-loading');
    this.lookedAtSince = performance.now();
    this.pictures.prefetch((page) => [...this.idsOf(page)], this.page);
  }

  async tellFacts(ids) {
    if (!await this.facts.fetch(ids) || this.idsOf(this.shownPage)[0] !== ids[0]) return;
    ids.slice(0, this.mosaic.tiles.length).forEach((id, place) => this.markTile(place, id));
    this.tellSingle();
  }

  markTile(place, id) {
    this.mosaic.mark(place, { name: this.facts.name(id), vote: this.votes.get(id) });
    this.mosaic.score(place, this.facts.score(id));
  }

  marked(id) {
    const place = this.idsOf(this.shownPage).indexOf(id);
    if (place >= 0) this.markTile(place, id);
    if (this.single.open && id === this.current) this.tellSingle();
    this.showProgress();
  }

  showProgress() {
    const { votes, colours } = this;
    this.toolbar.progress({
      graded: votes.size, total: this.data.review.size, pace: votes.pace, tally: votes.tally, colours,
    });
  }

  showSettings() {
    const colours = this.chosenBands().map((band) => this.data.bands[band]);
    this.toolbar.settings(this.settings.values, colours);
  }

  // Single view

  openSingle() {
    if (!this.view.length) return;
    this.root.querySelector('.single').hidden = false;
    this.showSingle();
  }

  showSingle() {
    if (!this.single.open) return;
    const next = [...this.view.subarray(this.cursor + 1, this.cursor + 3)];
    const done = this.pictures.one(this.current);
    Promise.resolve(done).then(() => { this.lookedAtSince = performance.now(); this.pictures.prefetchOnes(next); });
    this.tellSingle();
  }

  tellSingle() {
    if (!this.single.open) return;
    this.single.tell(this.facts.of(this.current), this.votes.get(this.current));
  }

  closeSingle() {
    this.root.querySelector('.single').hidden = true;
    this.root.querySelector('.grid').focus({ preventScroll: true });
  }

  // Moving

  moveTo(cursor) {
    this.cursor = Math.min(this.view.length - 1, Math.max(0, cursor));
    this.lookedAtSince = performance.now();
    if (this.page !== this.shownPage) { this.show(); return; }
    this.mosaic.select(this.cursor % this.perPage);
    this.showSingle();
  }

  nextUngraded() {
    const { length } = this.view;
    for (let step = 1; step <= length; step++) {
      const place = (this.cursor + step) % length;
      if (!this.votes.get(this.view[place])) { this.moveTo(place); return; }
    }
    this.notices.say('Everything is graded.');
  }

  // Voting

  get ready() {
    return this.single.open ? this.pictures.singleReady : this.pictures.pageReady;
  }

  /** Grade the candidate under the cursor and go on; a candidate that is not painted yet is not graded. */
  grade(vote) {
    const id = this.current;
    if (id === undefined || !this.ready) return;
    this.voting.give(id, vote);
    this.notices.say(`${vote ? `Grade ${vote.grade}` : 'Vote withdrawn'}. ${this.votes.size} of ${this.data.review.size} graded.`);
    if (vote) this.moveTo(this.cursor + 1);
  }

  undo() {
    const id = this.voting.undo();
    this.notices.say(id === null ? 'Nothing to undo.' : 'Last vote undone.');
    const place = this.view.indexOf(id);
    if (place >= 0) this.moveTo(place);
  }

  /** What is stored beside a vote. */
  circumstances(id) {
    const { stretch, black, softening, white } = this.settings.values;
    return {
      lookedAtSince: this.lookedAtSince ?? performance.now(),
      score_seen: this.facts.seen.has(id),
      stretch: `${stretch} black=${black.toFixed(2)} softening=${softening.toFixed(2)} white=${white.toFixed(2)}`,
    };
  }

  restretch({ live }) {
    if (this.stretchFrame) cancelAnimationFrame(this.stretchFrame);
    this.stretchFrame = requestAnimationFrame(() => { this.stretchFrame = 0; this.show({ live }); });
  }

  toggleScores() {
    this.facts.scoresShown = !this.facts.scoresShown;
    this.toolbar.scores({ shown: this.facts.scoresShown, exist: true });
    this.show();
  }
}
