// The gallery: which candidate is looked at, what keys and controls do to it.

import { DISPLAY_SETTINGS } from "./display_controls.js";
import { EndCard, KeyStrip } from "./guide.js";
import { element, returnAfterDialog } from "./dom.js";
import { Fingers } from "./gestures.js";
import { actionOf, fillHelp, fitHelp, isElsewhere } from "./keys.js";
import { Mosaic } from "./mosaic.js";
import { Notices } from "./notices.js";
import { PartBar, queryOf, samePart } from "./part.js";
import { MOST_COMPARED, Picks, csvOf } from "./picks.js";
import { Pictures } from "./pictures.js";
import { Facts, Refused, Remote } from "./remote.js";
import { Settings } from "./settings.js";
import { Retired, Shelf } from "./shelf.js";
import { SingleView } from "./single.js";
import { NO_LUMINANCE, STRETCH_WORDS, shownBands, stretchesOf } from "./stretch.js";
import { Toolbar } from "./toolbar.js";
import { Trail } from "./trail.js";
import { Stopwatch, Voting } from "./votes.js";

const BOTTOM_MARGIN = 10;
const LEAST_HEIGHT = 260;
const SETTLE_MS = 140; // a size that is still changing needs no pictures
const TILE_STEP = 1.2;
/** What says something of candidates in the inspector's name. */
const OF_INSPECTOR = new Set(['grade', 'gradeRest', 'withdraw', 'undo', 'toggleStar', 'writeComment']);

/** Return the side of `count` squares that fill a room. */
function sideOf(count, { width, height }) {
  const sides = Array.from({ length: count }, (_, index) => Math.min(width / (index + 1), height / Math.ceil(count / (index + 1))));
  return Math.floor(Math.max(...sides)) - 6;
}

/** The state of one mounted gallery. Keys and buttons call its methods by name: see keys.js and `data-do`. */
export class Gallery {
  /** @param trigger tells Streamlit: trigger('open', name of a review) or trigger('create', part that is shown) */
  constructor(root, data, trigger) {
    Object.assign(this, { root, data, trigger });
    this.stage = root.querySelector('.stage');
    this.help = root.querySelector('.help');
    this.levels = root.querySelector('.levels');
    this.remote = this.makeRemote();
    this.facts = new Facts(this.remote);
    this.notices = new Notices(root);
    this.stopwatch = new Stopwatch();
    this.settings = new Settings({ remote: this.remote, inspector: data.inspector, optics: data });
    this.makeViews();
    this.voting = this.makeVoting();
    this.votes = this.voting.votes;
    this.shelf = new Shelf(this.votes);
    this.retired = new Retired({ remote: this.remote, shelf: this.shelf, retires: data.review.retire });
    this.trail = new Trail(data);
    this.listen();
    if (data.inspector) localStorage.setItem('lensapp.inspector', data.inspector);
    this.start();
  }

  makeRemote() {
    const remote = new Remote(this.data);
    remote.onForbidden = (token) => {
      if (token === this.forbidden) return;
      this.forbidden = token; // the page runs once for it: it gives another token, or says why there is none
      this.trigger('renew', true);
    };
    return remote;
  }

  makeVoting() {
    return new Voting({
      data: this.data, remote: this.remote, circumstances: (id) => this.circumstances(id), seconds: () => this.stopwatch.seconds,
      onChanged: (id) => this.showVote(id), onState: (state) => this.toolbar.showSaved(state),
      onFeedback: (tests) => this.notices.feedback(tests),
      onLate: (message) => this.notices.toast(message, { kind: 'wrong' }),
    });
  }

  makeViews() {
    const { root, data, settings } = this;
    this.mosaic = new Mosaic(root.querySelector('.grid'), {
      grades: data.grades,
      onPick: (index, event) => this.pickTile(this.shelf.page * this.shelf.perPage + index, event),
      onOpen: () => this.openSingle(),
    });
    this.single = new SingleView(root.querySelector('.single'), { data, settings, on: {
      grade: (letter) => this.act('grade', letter), star: () => this.act('toggleStar'),
      comment: (comment) => this.annotate({ comment }), view: (changes) => this.changeView(changes),
      step: (direction) => this.moveBy(direction),
    } });
    this.toolbar = new Toolbar(root, {
      data, onSet: (...change) => this.set(...change), onDo: (...action) => this.act(...action),
    });
    this.pictures = new Pictures({
      remote: this.remote, mosaic: this.mosaic, single: this.single, optics: data, settings,
      shownBands: () => this.shownBands, onError: (error) => this.notices.failed(error, () => this.show()),
    });
    fillHelp(this.help, data);
    this.picks = new Picks(root.querySelector('.picks'), {
      grades: data.grades, onDo: (...action) => this.act(...action), onChanged: (ids) => ids.forEach((id) => this.showVote(id)),
    });
    this.strip = new KeyStrip(root.querySelector('.strip'), data, { onShape: () => { this.laidOut = ''; this.scheduleLayout(); } });
    this.end = new EndCard(root.querySelector('.end'), {
      grades: data.grades, onGo: (page) => this.goOn(page), agreement: () => this.remote.agreement(),
      task: () => this.remote.task(), onOpen: (review) => this.set('review', review, { live: false }),
    });
    this.part = new PartBar(root.querySelector('.part'), {
      data, onChange: (part) => this.tellPart(part), onShape: () => this.shelf && this.layout(), onViews: () => this.wish('views'),
      columns: () => this.remote.columns(), onShut: () => this.togglePart(),
    });
    this.facts.scoresShown = data.review.scored && !data.review.blind;
    this.showSettings();
  }

  listen() {
    this.onKey = (event) => this.takeKey(event);
    this.onResize = () => this.scheduleLayout();
    document.addEventListener('keydown', this.onKey, true);
    addEventListener('resize', this.onResize);
    this.observer = new ResizeObserver(this.onResize);
    this.observer.observe(this.root);
    this.stage.addEventListener('pointerdown', () => { this.levels.open = false; this.part.menu.open = false; });
    this.fingers = new Fingers(this.mosaic.grid, {
      onSwipe: (direction) => this.turn(direction),
      onPinch: (factor) => this.set('tile', this.settings.values.tile * factor, { live: true }),
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
      const stored = this.settings.load().catch(() => {}); // this browser's own settings do as well
      const share = this.data.share == null ? null : this.remote.share(), { shelf } = this;
      let own = null;
      [shelf.queue, own] = await Promise.all([this.remote.queue(), share, this.voting.load(), this.retired.load(), stored]);
      shelf.takeShare(own);
    } catch (error) {
      this.notices.failed(error, () => this.start());
      return;
    }
    this.facts.lensesShown = this.settings.values.known && !this.data.review.blind;
    this.showSettings();
    await this.filter();
    this.toolbar.showOrigin(this.trail.last);
    const arrived = this.trail.takeArrival();
    if (!arrived || !this.shelf.view.includes(arrived.id)) return;
    this.moveTo(this.shelf.view.indexOf(arrived.id));
    if (arrived.single) this.openSingle();
  }

  /** Take over a renewed token. */
  renew(data) {
    Object.assign(this.data, data);
    this.remote.renew(data);
    this.voting.journal.retry();
    this.toolbar.showReviews(data.reviews, data.review.name);
    this.takePart(data.part);
  }

  /** Take what the address says now, unless it has not heard yet of what was set here last. */
  takePart(part) {
    if (!part || (this.told && !samePart(part, this.told))) return;
    this.told = null;
    if (samePart(part, this.part.value)) return;
    this.part.take(part);
    this.filter();
  }

  /** Show a part that was set in the bar, and let the address say so. */
  tellPart(part) {
    this.told = part;
    this.trigger('part', part);
    this.filter();
  }

  /** Ask the page for a dialog; the part comes along, for a wish may overtake what the bar has just told. */
  wish(name) {
    returnAfterDialog(this.focused);
    this.trigger(name, this.part.value);
  }

  togglePart() {
    if (this.part.shut()) this.mosaic.grid.focus({ preventScroll: true });
    else this.openPart();
  }

  openPart() {
    if (this.single.open) this.closeSingle();
    this.part.unfold();
  }

  goOn(page) { this.trigger('go', page); }

  /** Take a key press, unless it is meant for something else. */
  takeKey(event) {
    if (!this.root.isConnected || !this.root.getClientRects().length || isElsewhere(event)) return;
    const action = actionOf(event, this.data);
    if (!action) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const [method] = action;
    if (OF_INSPECTOR.has(method)) {
      if (this.renamed) return; // the gallery of that name is on its way
      if (!this.covered) this.focused?.closest('button')?.blur(); // or Enter would press what was pressed before
    }
    if (!this.help.hidden && method !== 'ignore') this.toggleHelp();
    else this.act(...action);
  }

  /** Do what a key or a button asks for; say nothing of candidates that something lies over. */
  act(method, ...values) {
    if (method === 'undo') this.end.hide();
    if (OF_INSPECTOR.has(method) && this.covered) this.notices.toast('To grade on, first close what lies over the pictures (Esc).');
    else this[method](...values);
  }

  /** Whether something lies over the pictures that is to be closed first. The levels do not: they are set while one looks. */
  get covered() {
    return !this.end.root.hidden || !this.help.hidden || (this.part.open && this.part.menu.open);
  }

  /** Whether the sidebar holds another name than this gallery's, in which nothing more is to be said. */
  get renamed() {
    const field = document.querySelector('.st-key-inspector input');
    return field instanceof HTMLInputElement && field.value.trim() !== this.data.inspector;
  }

  /** Take a changed control of the bar; `live` while a slider is still held. */
  set(name, value, { live }) {
    if (name === 'review') { this.trail.forget(); this.trigger('open', value); return; }
    if (name === 'contaminant') { if (value) this.act('grade', this.data.grades.at(-1).letter, value); return; }
    this.settings.change({ [name]: value });
    this.showSettings();
    if (name === 'tile') this.layout({ soon: true });
    else if (name === 'blinkRate') this.stopBlinking();
    else if (DISPLAY_SETTINGS.has(name)) this.restretch({ live });
  }

  // What is shown

  /** Show the part of the review that the bar asks for, or all of it where that is refused. */
  async filter() {
    const { shelf, part, facts } = this, { value } = part, query = queryOf(value);
    const last = value.sort && shelf.view.length ? null : shelf.current ?? this.settings.last;
    let told = null;
    try {
      told = query && await this.remote.part(query);
    } catch (error) {
      if (value !== part.value) return;
      if (!(error instanceof Refused) || error.status >= 500) { this.notices.failed(error, () => this.filter()); return; }
      part.refuse(error.message);
    }
    if (value !== part.value) return; // another one has been set meanwhile
    if (told || !query) part.leave();
    if (told?.tellsScores && !facts.scoresShown) {
      facts.scoresShown = true;
      this.showSettings();
      this.notices.toast('Scores are shown, since this filter or order tells them; votes record that you saw them.');
    }
    shelf.filter(query && !told ? [] : value.show, last, told?.ids);
    this.layout();
  }

  /** Fit tiles into the page; `soon` waits for further changes before pictures are fetched. */
  layout({ soon = false } = {}) {
    const top = this.stage.getBoundingClientRect().top;
    const height = Math.max(LEAST_HEIGHT, Math.floor(this.bottom - Math.max(0, top) - BOTTOM_MARGIN));
    const width = this.stage.clientWidth;
    this.stage.style.height = `${height}px`;
    if (!width) return;
    const whole = height - this.root.querySelector('.pad').offsetHeight;
    const room = { width, height: whole - this.strip.height, whole };
    this.shelf.perPage = this.fit(room);
    this.single.layout(room);
    if (!this.help.hidden) fitHelp(this.help);
    clearTimeout(this.showing);
    if (!soon) { this.show(); return; }
    this.mosaic.limit(this.shelf.idsOf(this.shelf.page).length, { keepPictures: false });
    this.showing = setTimeout(() => this.show(), SETTLE_MS);
  }

  /** Where the room for pictures ends, in CSS pixels of the window. */
  get bottom() { return innerHeight; }

  /** Fit tiles into the room, in as many rows as without filter bar and strip of keys; return how many. */
  fit(room) {
    const tile = this.compared ? sideOf(this.compared, room) : this.settings.values.tile;
    return this.mosaic.layout({ ...room, tile, whole: room.whole + this.part.root.offsetHeight });
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

  get shownBands() {
    return shownBands(this.data, this.settings.display);
  }

  /** Show the page of the cursor. */
  show({ live = false } = {}) {
    const { shelf, mosaic, pictures } = this;
    this.shownPage = shelf.page;
    this.toolbar.showPage(shelf.page + 1, shelf.pages, shelf.perPage);
    this.part.showCount(shelf.view.length, shelf.queue.length);
    this.showProgress();
    if (!shelf.view.length) { this.notices.empty(this.emptiness); return; }
    this.notices.hide();
    const ids = [...shelf.idsOf(shelf.page)];
    const present = pictures.request(ids, { live });
    mosaic.limit(ids.length, { keepPictures: live || present });
    this.stage.toggleAttribute('data-loading', !live && !present);
    pictures.draw(() => this.afterDrawing());
    ids.forEach((id, index) => this.markTile(index, id));
    mosaic.select(shelf.cursor % shelf.perPage);
    this.settings.lookAt(shelf.current);
    this.showFacts(ids);
    this.showSingle();
  }

  /** Why there is nothing to show. */
  get emptiness() {
    const { shelf, part: { value } } = this;
    if (!shelf.queue.length) return 'loading';
    if (shelf.settled) return 'settled';
    return value.show.length === 1 && !value.where ? value.show[0] : 'filter';
  }

  afterDrawing() {
    if (!this.pictures.pageReady) return;
    this.stage.removeAttribute('data-loading');
    this.stopwatch.look();
    this.retired.refresh();
    this.pictures.prefetch((page) => [...this.shelf.idsOf(page)], this.shownPage);
  }

  async showFacts(ids) {
    if (!ids.some((id) => this.facts.isMissing(id))) { this.facts.fetch(ids); return; }
    if (!await this.facts.fetch(ids) || this.shelf.idsOf(this.shownPage)[0] !== ids[0]) return;
    ids.slice(0, this.mosaic.tiles.length).forEach((id, index) => this.markTile(index, id));
    this.describeSingle();
  }

  markTile(index, id) {
    const { facts, votes } = this;
    this.mosaic.mark(index, {
      name: facts.name(id), vote: votes.get(id), note: votes.note(id), score: facts.score(id), probability: facts.probability(id),
      lens: facts.lens(id), picked: this.picks.ids.has(id), earlier: facts.earlier(id),
    });
  }

  showVote(id) {
    const index = this.shelf.idsOf(this.shownPage).indexOf(id);
    if (index >= 0) this.markTile(index, id);
    if (this.single.open && id === this.shelf.current) this.describeSingle();
    this.showProgress();
  }

  showProgress() {
    const { votes, shelf, data } = this, total = shelf.total || (data.share ?? data.review.size);
    const all = shelf.share && shelf.queue.length;
    this.toolbar.showProgress({ graded: shelf.graded, total, all, pace: votes.pace, tally: votes.tally });
    if (shelf.queue.length) this.strip.follow(votes.size, total);
    if (this.end.root.hidden) return;
    if (shelf.graded < shelf.total) this.end.hide(); // a vote was withdrawn in another tab
    else this.end.tell(this.outcome);
  }

  showSettings() {
    this.mosaic.framed = this.settings.values.marks ? this.data.seen ?? null : null;
    this.toolbar.showSettings(this.settings.values, this.shownBands);
    this.toolbar.showScores({ shown: this.facts.scoresShown, exist: this.data.review.scored });
    this.toolbar.press('toggleKnown', this.facts.lensesShown);
  }

  restretch({ live }) {
    if (this.stretchFrame) cancelAnimationFrame(this.stretchFrame);
    this.stretchFrame = requestAnimationFrame(() => { this.stretchFrame = 0; this.show({ live }); });
  }

  resetDisplay() {
    this.settings.resetDisplay();
    this.showSettings();
    this.restretch({ live: false });
  }

  stepStretch(step) {
    const stretches = stretchesOf(this.data), index = stretches.indexOf(this.settings.values.stretch) + step + stretches.length;
    const stretch = stretches[index % stretches.length];
    this.set('stretch', stretch, { live: false });
    this.notices.say(`Stretch ${STRETCH_WORDS[stretch]}.`);
  }

  /** Let VIS give the brightness of the colours of NISP, or show the usual colours. */
  toggleLuminance() {
    if (!this.data.composite) { this.notices.toast('No VIS over NISP here: that takes a band VIS and two of Y, J, H.'); return; }
    const over = this.shownBands.luminance !== null;
    this.settings.change({ rgb: [], luminance: over ? NO_LUMINANCE : '' });
    this.showSettings();
    this.restretch({ live: false });
    this.notices.say(over ? 'Colours of their own brightness.' : 'VIS as luminance over the colours of NISP.');
  }

  toggleScores() {
    if (!this.data.review.scored) return;
    this.facts.scoresShown = !this.facts.scoresShown;
    this.showSettings();
    this.show();
  }

  toggleKnown() {
    const { facts } = this;
    if (!this.data.known_lenses) {
      this.notices.toast('There is no table of known lenses yet: add one on the Catalogue page, under Known.');
      return;
    }
    facts.lensesShown = !facts.lensesShown;
    this.settings.change({ known: facts.lensesShown });
    this.showSettings();
    this.show();
  }

  zoom(step) {
    if (this.single.open) this.single.zoom.step(step);
    else this.set('tile', this.settings.values.tile * TILE_STEP ** step, { live: false });
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  toggleHelp() {
    const opens = this.help.hidden;
    if (opens) this.opener = this.focused;
    this.help.hidden = !opens;
    if (opens) fitHelp(this.help);
    (opens ? this.help : this.opener ?? this.mosaic.grid).focus({ preventScroll: true });
  }

  /** What the keyboard is in, here; null where it is elsewhere on the page. */
  get focused() { return this.root.getRootNode().activeElement; }

  createReview() { this.wish('create'); }
  ignore() {}

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
  async findAlike() {
    const { notices, data } = this, id = this.shelf.current;
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
      const { features } = error, label = features?.run ? 'Make features first' : 'Train a network first';
      notices.refused(error, features && { label, take: () => this.trigger('features', features) });
    }
    this.searching = false;
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
    const drawing = this.pictures.showOne(current);
    Promise.resolve(drawing).then(() => this.pictures.prefetchOnes([...view.subarray(cursor + 1, cursor + 3)]));
    this.describeSingle();
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

  /** Show what lies around the candidate, or no longer; ask again where nothing was there to show. */
  toggleAround() {
    const shown = this.around && this.beside?.around?.length;
    this.around = !shown;
    this.notices.take(this.aroundNote);
    this.aroundNote = null;
    this.openSingle();
    if (this.around) this.showAround();
    else this.showBeside('around', []);
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

  pan(right, down) { this.single.zoom.pan(right, down); }

  blink() {
    this.openSingle();
    this.toolbar.press('blink', this.single.blink({ rate: this.settings.values.blinkRate }));
  }

  stopBlinking() {
    this.single.stopBlinking();
    this.toolbar.press('blink', false);
  }

  // Votes

  /** Grade the candidate under the cursor and go on. */
  grade(letter, contaminant = null) {
    if (this.votePicked({ grade: letter, contaminant })) return;
    if (!this.vote({ grade: letter, contaminant })) return;
    this.notices.say(`Grade ${[letter, contaminant].filter(Boolean).join(', ')}. ${this.gradedSoFar}`);
    this.moveBy(1);
  }

  withdraw() {
    if (this.vote(null)) this.notices.say(`Vote withdrawn. ${this.gradedSoFar}`);
  }

  // Several at once

  /** A click looks at a candidate; with Ctrl or ⌘ it picks it, with Shift all from the last one on. */
  pickTile(cursor, { ctrlKey, metaKey, shiftKey }) {
    const { view, cursor: before } = this.shelf;
    if (ctrlKey || metaKey) this.picks.toggle(view[cursor]);
    if (shiftKey) this.picks.add([...view.subarray(Math.min(before, cursor), Math.max(before, cursor) + 1)]);
    this.moveTo(cursor);
  }

  /** Pick the candidate under the cursor, or no longer. */
  togglePick() {
    if (!this.single.open && this.shelf.current !== undefined) this.picks.toggle(this.shelf.current);
  }

  /** Show those picked side by side, as large as they fit; Esc leads back. */
  comparePicked() {
    const { shelf, picks, notices } = this;
    if (picks.size < 2 || picks.size > MOST_COMPARED) {
      notices.toast(`Pick 2 to ${MOST_COMPARED} candidates to compare (Space, or a click with Ctrl).`);
      return;
    }
    this.compared = picks.size;
    shelf.show(shelf.queue.filter((id) => picks.ids.has(id)));
    picks.clear();
    this.layout();
  }

  async endComparing() {
    const { current } = this.shelf;
    this.compared = 0;
    await this.filter();
    const cursor = this.shelf.view.indexOf(current);
    if (cursor >= 0) this.moveTo(cursor);
  }

  /** Make a review of those picked, and open it. */
  async reviewPicked() {
    try {
      const { review } = await this.remote.reviewOf([...this.picks.ids]);
      this.trigger('open', review);
    } catch (error) {
      this.notices.refused(error);
    }
  }

  /** Write those picked to a file: names, positions, and what was said of them here. */
  async downloadPicked() {
    const { facts, votes, picks, data } = this, ids = [...picks.ids];
    await facts.fetch(ids);
    const rows = ids.map((id) => {
      const { name, ra, dec, score } = facts.of(id), vote = votes.get(id), { comment, starred } = votes.note(id);
      return { id: name, ra, dec, grade: vote?.grade, contaminant: vote?.contaminant, starred: starred ? 'yes' : '', comment, ...(facts.scoresShown ? { score } : {}) };
    });
    const href = URL.createObjectURL(new Blob([csvOf(rows)], { type: 'text/csv' }));
    element('a', { href, download: `${data.review.name}-picked.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(href));
  }

  /** Give a vote to all that are picked; return whether there are any. */
  votePicked(vote) {
    const ids = [...this.picks.ids];
    if (!ids.length || this.single.open || !this.pictures.pageReady) return false;
    const before = this.shelf.graded;
    this.voting.give(ids, vote);
    this.picks.clear();
    this.notices.toast(`Graded ${ids.length} picked ${vote.grade}. Press Z to undo.`);
    this.celebrate(before);
    return true;
  }

  /** Give a vote to the candidate under the cursor, but not before it is painted; return whether it was given. */
  vote(vote) {
    const { current, cursor, perPage } = this.shelf;
    const painted = this.single.open ? this.pictures.singleReady : this.pictures.isDrawn(cursor % perPage);
    if (current === undefined || !painted) return false;
    const before = this.shelf.graded;
    this.voting.give([current], vote);
    this.celebrate(before);
    return true;
  }

  /** Show what came of the review when the last candidate got its grade; `before` were graded before. */
  celebrate(before) {
    const { shelf, data } = this;
    if (before >= shelf.total || shelf.graded < shelf.total) return;
    this.end.show({ name: data.review.name, isShare: Boolean(shelf.share) }, this.outcome);
  }

  /** What came of the votes so far. */
  get outcome() {
    const { votes } = this, starred = [...votes.notes.values()].filter((note) => note.starred).length;
    return { tally: votes.tally, inAll: votes.inAll, each: votes.each, starred };
  }

  get gradedSoFar() {
    return `${this.shelf.graded} of ${this.shelf.total} graded.`;
  }

  /** Give the lowest grade to what is left on the page, and turn it. */
  gradeRest() {
    const { shelf, votes } = this, { letter } = this.data.grades.at(-1);
    if (this.single.open || !this.pictures.pageReady) return;
    const rest = [...shelf.idsOf(shelf.page)].filter((id) => !votes.get(id));
    const before = shelf.graded;
    this.voting.give(rest, { grade: letter, contaminant: null });
    this.celebrate(before);
    this.notices.toast(`Graded the other ${rest.length} on this page ${letter}. Press Z to undo.`);
    this.nextPage();
  }

  /** Take back what this tab graded last, and show it. */
  undo() {
    const id = this.voting.undo();
    this.notices.say(id === null ? 'Nothing to undo.' : 'Last vote undone.');
    const cursor = this.shelf.view.indexOf(id);
    if (cursor >= 0) this.moveTo(cursor);
  }

  annotate(changes) {
    if (this.shelf.current !== undefined) this.voting.annotate(this.shelf.current, changes);
  }

  toggleStar() {
    if (this.picks.size && !this.single.open) {
      for (const id of this.picks.ids) this.voting.annotate(id, { starred: true });
      this.notices.toast(`Starred ${this.picks.size} picked.`);
      return;
    }
    const starred = !this.votes.note(this.shelf.current).starred;
    this.annotate({ starred });
    this.notices.say(starred ? 'Starred.' : 'Star removed.');
  }

  writeComment() {
    this.openSingle();
    this.single.comment.focus();
  }

  /** What is stored beside a vote. */
  circumstances(id) {
    const { stretch, black, softening, white } = this.settings.values;
    return {
      score_seen: this.facts.seen.has(id),
      stretch: `${stretch} black=${black.toFixed(2)} softening=${softening.toFixed(2)} white=${white.toFixed(2)}`,
    };
  }
}
