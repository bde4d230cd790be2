// The gallery: which candidate is looked at, what keys and controls do to it.

import { Journal } from "./journal.js";
import { actionOf, fillHelp, isElsewhere } from "./keys.js";
import { Mosaic } from "./mosaic.js";
import { Pictures } from "./pages.js";
import { Remote } from "./remote.js";
import { Settings } from "./settings.js";
import { SingleView } from "./single.js";
import { Toolbar } from "./toolbar.js";
import { Votes } from "./votes.js";

const BOTTOM_MARGIN = 10;
const LEAST_HEIGHT = 260;
const ZOOM_STEP = 1.2;
const DISPLAY_SETTINGS = new Set(['stretch', 'rgb', 'black', 'softening', 'white', 'percentile']);

class Gallery {
  constructor(root, data, tell) {
    Object.assign(this, { root, data, tell });
    this.stage = root.querySelector('.stage');
    this.colours = Object.fromEntries(data.grades.map((grade) => [grade.letter, grade.colour]));
    this.remote = new Remote(data);
    this.settings = new Settings(data.inspector, data.source);
    this.votes = new Votes(data.grades);
    this.makeViews();
    this.prefix = `lensapp.votes:${data.workspace}:${data.review.id}:${data.inspector}:`;
    this.journal = new Journal({
      remote: this.remote, prefix: this.prefix, onState: (state) => this.toolbar.saved(state),
    });
    this.queue = this.view = new Float64Array();
    this.cursor = 0;
    this.perPage = 1;
    this.seen = new Set();
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
      bands: data.bands, onSet: (...change) => this.set(...change), onDo: (name) => this.act(name),
    });
    this.pictures = new Pictures({
      remote: this.remote, mosaic: this.mosaic, single: this.single, gains: data.gains, settings: this.settings,
      chosenBands: () => this.chosenBands(), onError: (error) => this.notice(error.message),
    });
    fillHelp(root.querySelector('.help'), data);
    this.toolbar.reviews(data.reviews, data.review.name);
    this.toolbar.order(data.review.order);
    this.toolbar.scores(false);
    this.showSettings();
  }

  listen() {
    this.onKey = (event) => this.key(event);
    this.onResize = () => this.scheduleLayout();
    document.addEventListener('keydown', this.onKey, true);
    addEventListener('resize', this.onResize);
    this.observer = new ResizeObserver(this.onResize);
    this.observer.observe(this.root);
    this.channel = new BroadcastChannel(this.prefix);
    this.channel.onmessage = ({ data: { id, vote } }) => { if (this.votes.put(id, vote)) this.marked(id); };
  }

  close() {
    document.removeEventListener('keydown', this.onKey, true);
    removeEventListener('resize', this.onResize);
    this.observer.disconnect();
    this.channel.close();
    this.journal.close();
  }

  async start() {
    try {
      const [queue, votes] = await Promise.all([this.remote.queue(), this.remote.votes()]);
      this.queue = queue;
      this.votes.load(votes);
    } catch (error) {
      this.notice(error.message);
      return;
    }
    for (const op of this.journal.replay()) this.votes.put(op.id, op.grade ? pick(op) : null);
    this.toolbar.saved({ state: 'saved', waiting: 0 });
    this.filter();
  }

  /** Take over a renewed token. */
  renew(data) {
    Object.assign(this.data, data);
    this.remote.renew(data);
    this.journal.retry();
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
    if (!this.view.length) { this.notice(this.emptyText()); return; }
    this.notice(null);
    const ids = [...this.idsOf(this.page)];
    this.mosaic.limit(ids.length);
    ids.forEach((id, place) => this.markTile(place, id));
    this.mosaic.select(this.cursor % this.perPage);
    const drawing = this.pictures.page(ids, { live });
    this.stage.toggleAttribute('data-loading', !this.pictures.pageReady);
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

  emptyText() {
    const { filter } = this.settings.values;
    if (!this.queue.length) return 'Loading the review…';
    return filter === 'graded' ? 'Nothing is graded yet. Grades appear here as you give them.'
      : 'Everything is graded. Choose All to look again.';
  }

  async tellFacts(ids) {
    const scores = Boolean(this.scoresShown);
    try {
      await this.pictures.tell(ids, { scores });
    } catch {
      return; // names are a comfort; pictures and votes tell of a server that is away
    }
    if (this.idsOf(this.shownPage)[0] !== ids[0]) return;
    ids.forEach((id, place) => {
      if (place >= this.mosaic.tiles.length) return;
      this.markTile(place, id);
      if (scores && this.scoresShown) this.seen.add(id);
    });
    this.tellSingle();
  }

  markTile(place, id) {
    const facts = this.pictures.facts.get(id);
    this.mosaic.mark(place, { name: facts?.name ?? `Candidate ${id}`, vote: this.votes.get(id) });
    this.mosaic.score(place, this.scoresShown ? facts?.score : null);
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

  notice(message) {
    const box = this.root.querySelector('.notice');
    box.hidden = !message;
    box.textContent = message ?? '';
  }

  say(message) {
    this.root.querySelector('.spoken').textContent = message;
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
    const { score, ...facts } = this.pictures.facts.get(this.current) ?? {};
    this.single.tell({ ...facts, score: this.scoresShown ? score : null }, this.votes.get(this.current));
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
    this.say('Everything is graded.');
  }

  zoom(step) {
    if (this.single.open) {
      if (this.single.zoomBy(step)) this.showSingle();
      return;
    }
    this.set('tile', this.settings.values.tile * ZOOM_STEP ** step, { live: false });
  }

  // Voting

  get ready() {
    return this.single.open ? this.pictures.singleReady : this.pictures.pageReady;
  }

  /** Grade the candidate under the cursor and go on; a candidate that is not painted yet is not graded. */
  grade(vote) {
    const id = this.current;
    if (id === undefined || !this.ready) return;
    const before = this.votes.get(id);
    if (this.votes.put(id, vote)) {
      this.votes.remember(id, before);
      this.record(id, vote);
    }
    if (vote) this.moveTo(this.cursor + 1);
  }

  record(id, vote) {
    const seconds = Math.min(86400, (performance.now() - (this.lookedAtSince ?? performance.now())) / 1000);
    const { stretch, black, softening, white } = this.settings.values;
    if (vote) this.votes.spent(seconds);
    this.journal.add({
      id, grade: vote?.grade ?? null, contaminant: vote?.contaminant ?? null,
      voted_at: Date.now() / 1000, seconds_spent: Number(seconds.toFixed(3)), score_seen: this.seen.has(id),
      stretch: `${stretch} black=${black.toFixed(2)} softening=${softening.toFixed(2)} white=${white.toFixed(2)}`,
    });
    this.channel.postMessage({ id, vote });
    this.marked(id);
    this.say(`${vote ? `Grade ${vote.grade}` : 'Vote withdrawn'}. ${this.votes.size} of ${this.data.review.size} graded.`);
  }

  undo() {
    const last = this.votes.takeBack();
    if (!last) { this.say('Nothing to undo.'); return; }
    this.votes.put(last.id, last.before);
    this.record(last.id, last.before);
    const place = this.view.indexOf(last.id);
    if (place >= 0) this.moveTo(place);
  }

  // Controls

  set(name, value, { live }) {
    if (name === 'review') { this.tell('open', value); return; }
    this.settings.change({ [name]: value });
    this.showSettings();
    if (name === 'filter') this.filter();
    else if (name === 'tile') this.layout();
    else if (DISPLAY_SETTINGS.has(name)) this.restretch({ live });
  }

  restretch({ live }) {
    if (this.stretchFrame) cancelAnimationFrame(this.stretchFrame);
    this.stretchFrame = requestAnimationFrame(() => { this.stretchFrame = 0; this.show({ live }); });
  }

  act(name) {
    const actions = {
      create: () => this.tell('create', true),
      back: () => this.moveTo((this.page - 1) * this.perPage),
      forward: () => this.moveTo((this.page + 1) * this.perPage),
      reset: () => { this.settings.resetDisplay(); this.showSettings(); this.restretch({ live: false }); },
      scores: () => this.toggleScores(),
      help: () => this.toggleHelp(),
    };
    actions[name]();
  }

  toggleScores() {
    this.scoresShown = !this.scoresShown;
    this.toolbar.scores(this.scoresShown);
    this.show();
  }

  toggleHelp(shown) {
    const help = this.root.querySelector('.help');
    help.hidden = shown === undefined ? !help.hidden : !shown;
  }

  key(event) {
    if (!this.root.isConnected || !this.root.getClientRects().length || isElsewhere(event)) return;
    const found = actionOf(event, this.data);
    if (!found) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.perform(found);
  }

  perform({ action, value }) {
    if (!this.root.querySelector('.help').hidden && action !== 'none') { this.toggleHelp(false); return; }
    const actions = {
      grade: () => this.grade(value),
      withdraw: () => this.grade(null),
      undo: () => this.undo(),
      move: () => this.moveTo(this.cursor + value),
      row: () => this.moveTo(this.cursor + value * (this.single.open ? 1 : this.mosaic.columns)),
      page: () => this.moveTo((this.page + value) * this.perPage),
      edge: () => this.moveTo(value * (this.view.length - 1)),
      next: () => this.nextUngraded(),
      open: () => (this.single.open ? this.closeSingle() : this.openSingle()),
      back: () => this.closeSingle(),
      zoom: () => this.zoom(value),
      fullscreen: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()),
      help: () => this.toggleHelp(),
      none: () => {},
    };
    actions[action]();
  }
}

const pick = ({ grade, contaminant }) => ({ grade, contaminant });
const mounted = new WeakMap();
const identity = (data) => JSON.stringify([data.workspace, data.review.id, data.inspector]);

/** Streamlit calls this on every rerun that changes the data. */
export default function mount({ data, parentElement, setTriggerValue }) {
  let entry = mounted.get(parentElement);
  if (entry && entry.identity !== identity(data)) {
    entry.gallery.close();
    entry.gallery.root.replaceWith(entry.pristine);
    entry = null;
  }
  if (entry) {
    entry.gallery.renew(data);
  } else {
    const root = parentElement.querySelector('.gallery');
    const pristine = root.cloneNode(true);
    entry = { identity: identity(data), pristine, gallery: new Gallery(root, data, setTriggerValue) };
    mounted.set(parentElement, entry);
  }
  return () => {
    mounted.get(parentElement)?.gallery.close();
    mounted.delete(parentElement);
  };
}
