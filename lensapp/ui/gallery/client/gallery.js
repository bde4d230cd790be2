// The gallery: which candidate is looked at, what keys and controls do to it.

import { Trail, arrive } from "./alike.js";
import { takeButton, takeKey, takeSetting } from "./controls.js";
import { Facts } from "./facts.js";
import { circumstancesOf, gradeOne, starOne } from "./grading.js";
import { fillHelp } from "./keys.js";
import { Mosaic } from "./mosaic.js";
import { Notices } from "./notices.js";
import { Stopwatch } from "./pace.js";
import { Pictures } from "./pages.js";
import { Remote } from "./remote.js";
import { Retired } from "./retired.js";
import { Settings } from "./settings.js";
import { Shelf } from "./shelf.js";
import { SingleView } from "./single.js";
import { Toolbar } from "./toolbar.js";
import { Voting } from "./voting.js";
import { Fingers } from "./zoom.js";

const BOTTOM_MARGIN = 10;
const LEAST_HEIGHT = 260;
const SETTLE_MS = 140; // a size that is still changing needs no pictures

/** The state of one mounted gallery. */
export class Gallery {
  constructor(root, data, tell) {
    Object.assign(this, { root, data, tell });
    this.stage = root.querySelector('.stage');
    this.remote = new Remote(data);
    this.facts = new Facts(this.remote);
    this.notices = new Notices(root);
    this.stopwatch = new Stopwatch();
    this.settings = new Settings({ remote: this.remote, inspector: data.inspector, source: data.source });
    this.makeViews();
    this.voting = new Voting({
      data, remote: this.remote, circumstances: (id) => circumstancesOf(this, id), seconds: () => this.stopwatch.seconds,
      onChanged: (id) => this.marked(id), onState: (state) => this.toolbar.saved(state),
      onFeedback: (found) => this.notices.feedback(found),
    });
    this.votes = this.voting.votes;
    this.shelf = new Shelf(this.votes);
    this.retired = new Retired({ remote: this.remote, shelf: this.shelf, retires: data.review.retire });
    this.trail = new Trail(data);
    this.listen();
    localStorage.setItem('lensapp.inspector', data.inspector);
    this.start();
  }

  makeViews() {
    const { root, data, settings } = this;
    this.mosaic = new Mosaic(root.querySelector('.grid'), {
      grades: data.grades,
      onPick: (place) => this.moveTo(this.shelf.page * this.shelf.perPage + place),
      onOpen: () => this.openSingle(),
    });
    this.single = new SingleView(root.querySelector('.single'), { data, settings, on: {
      grade: (grade) => this.grade({ grade, contaminant: null }), star: () => starOne(this),
      comment: (comment) => this.annotate({ comment }), view: (changes) => this.changeView(changes),
      step: (direction) => this.moveTo(this.shelf.cursor + direction),
    } });
    this.toolbar = new Toolbar(root, {
      data, onSet: (...change) => takeSetting(this, ...change), onDo: (name) => takeButton(this, name),
    });
    this.pictures = new Pictures({
      remote: this.remote, mosaic: this.mosaic, single: this.single, gains: data.gains, settings,
      chosenBands: () => this.chosenBands(), onError: (error) => this.notices.failed(error, () => this.show()),
    });
    fillHelp(root.querySelector('.help'), data);
    this.facts.scoresShown = data.review.scored && !data.review.blind;
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
    this.fingers = new Fingers(this.mosaic.grid, {
      onSwipe: (direction) => this.turn(direction),
      onPinch: (factor) => takeSetting(this, 'tile', this.settings.values.tile * factor, { live: true }),
    });
  }

  close() {
    for (const part of [this.notices, this.stopwatch, this.voting, this.settings]) part.close();
    this.single.stopBlinking();
    document.removeEventListener('keydown', this.onKey, true);
    removeEventListener('resize', this.onResize);
    this.observer.disconnect();
  }

  async start() {
    try {
      const kept = this.settings.load().catch(() => {}); // this browser's own settings do as well
      [this.shelf.queue] = await Promise.all([this.remote.queue(), this.voting.load(), this.retired.load(), kept]);
    } catch (error) {
      this.notices.failed(error, () => this.start());
      return;
    }
    this.facts.lensesShown = this.settings.values.known && !this.data.review.blind;
    this.showSettings();
    this.filter();
    arrive(this);
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
    this.shelf.filter(this.settings.values.filter, this.shelf.current ?? this.settings.last);
    this.layout();
  }

  /** Fit tiles into the page; `soon` waits for further changes before pictures are fetched. */
  layout({ soon = false } = {}) {
    const top = this.stage.getBoundingClientRect().top;
    const height = Math.max(LEAST_HEIGHT, Math.floor(innerHeight - Math.max(0, top) - BOTTOM_MARGIN));
    const width = this.stage.clientWidth;
    this.stage.style.height = `${height}px`;
    if (!width) return;
    const room = { width, height: height - this.root.querySelector('.pad').offsetHeight };
    this.shelf.perPage = this.mosaic.layout({ ...room, wanted: this.settings.values.tile });
    this.single.layout(room);
    clearTimeout(this.showing);
    if (!soon) { this.show(); return; }
    this.mosaic.limit(this.shelf.idsOf(this.shelf.page).length, { keepPictures: false });
    this.showing = setTimeout(() => this.show(), SETTLE_MS);
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

  chosenBands() {
    const places = this.settings.values.rgb.map((band) => this.data.bands.indexOf(band));
    return places.length && !places.includes(-1) ? places : this.data.rgb;
  }

  /** Show the page of the cursor. */
  show({ live = false } = {}) {
    const { shelf, mosaic, pictures } = this;
    this.shownPage = shelf.page;
    this.toolbar.page(shelf.page + 1, shelf.pages, shelf.perPage);
    this.showProgress();
    if (!shelf.view.length) { this.notices.empty(shelf.settled ? 'settled' : this.settings.values.filter); return; }
    this.notices.hide();
    const ids = [...shelf.idsOf(shelf.page)];
    const present = pictures.want(ids, { live });
    mosaic.limit(ids.length, { keepPictures: live || present });
    this.stage.toggleAttribute('data-loading', !live && !present);
    pictures.draw(() => this.drawn());
    ids.forEach((id, place) => this.markTile(place, id));
    mosaic.select(shelf.cursor % shelf.perPage);
    this.settings.lookAt(shelf.current);
    this.tellFacts(ids);
    this.showSingle();
  }

  drawn() {
    if (!this.pictures.pageReady) return;
    this.stage.removeAttribute('data-loading');
    this.stopwatch.look();
    this.retired.refresh();
    this.pictures.prefetch((page) => [...this.shelf.idsOf(page)], this.shownPage);
  }

  async tellFacts(ids) {
    if (!ids.some((id) => this.facts.isMissing(id))) { this.facts.fetch(ids); return; }
    if (!await this.facts.fetch(ids) || this.shelf.idsOf(this.shownPage)[0] !== ids[0]) return;
    ids.slice(0, this.mosaic.tiles.length).forEach((id, place) => this.markTile(place, id));
    this.tellSingle();
  }

  markTile(place, id) {
    const { facts, votes } = this;
    this.mosaic.mark(place, {
      name: facts.name(id), vote: votes.get(id), note: votes.note(id), score: facts.score(id), known: facts.lens(id),
    });
  }

  marked(id) {
    const place = this.shelf.idsOf(this.shownPage).indexOf(id);
    if (place >= 0) this.markTile(place, id);
    if (this.single.open && id === this.shelf.current) this.tellSingle();
    this.showProgress();
  }

  showProgress() {
    const { votes, shelf, data } = this, total = shelf.total || data.review.size;
    this.toolbar.progress({ graded: votes.size, total, pace: votes.pace, tally: votes.tally });
  }

  showSettings() {
    const colours = this.chosenBands().map((band) => this.data.bands[band]);
    this.toolbar.settings(this.settings.values, colours);
    this.toolbar.scores({ shown: this.facts.scoresShown, exist: this.data.review.scored });
    this.toolbar.pressed('known', this.facts.lensesShown);
  }

  /** Change what the single view shows. */
  changeView(changes) {
    this.settings.change(changes);
    this.showSettings();
    this.showSingle();
  }

  // Single view

  openSingle() {
    if (!this.shelf.view.length || this.single.open) return;
    this.root.querySelector('.single').hidden = false;
    this.mosaic.grid.inert = true;
    this.root.dataset.view = 'single';
    this.showSingle();
  }

  showSingle() {
    if (!this.single.open) return;
    const { view, cursor, current } = this.shelf;
    const done = this.pictures.one(current);
    Promise.resolve(done).then(() => this.pictures.prefetchOnes([...view.subarray(cursor + 1, cursor + 3)]));
    this.tellSingle();
    if (!this.data.review.blind_to_others) this.facts.renew(current).then((known) => known && this.tellSingle());
  }

  tellSingle() {
    if (!this.single.open) return;
    const { current } = this.shelf;
    this.single.tell(this.facts.of(current), { vote: this.votes.get(current), note: this.votes.note(current) });
  }

  closeSingle() {
    this.single.stopBlinking();
    this.root.querySelector('.single').hidden = true;
    delete this.root.dataset.view;
    this.mosaic.grid.inert = false;
    this.mosaic.grid.focus({ preventScroll: true });
  }

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

  /** Turn the page; in the single view go on by one. */
  turn(step) {
    const { shelf } = this;
    this.moveTo(this.single.open ? shelf.cursor + step : (shelf.page + step) * shelf.perPage);
  }

  nextUngraded() {
    const place = this.shelf.ungradedAfter(this.shelf.cursor);
    if (place === null) this.notices.say('Everything is graded.');
    else this.moveTo(place);
  }

  get ready() {
    return this.single.open ? this.pictures.singleReady : this.pictures.isDrawn(this.shelf.cursor % this.shelf.perPage);
  }

  grade(vote) { gradeOne(this, vote); }

  annotate(changes) {
    if (this.shelf.current !== undefined) this.voting.annotate(this.shelf.current, changes);
  }

  restretch({ live }) {
    if (this.stretchFrame) cancelAnimationFrame(this.stretchFrame);
    this.stretchFrame = requestAnimationFrame(() => { this.stretchFrame = 0; this.show({ live }); });
  }
}
