// What the gallery shows: a part of the review, in tiles that fit the page, with votes and facts, stretched as set.

import { KEYS_HEIGHT } from "./compared.js";
import { fitHelp } from "./keys.js";
import { queryOf } from "./part.js";
import { Refused } from "./remote.js";
import { USUAL_TILE, ZOOMS } from "./settings.js";
import { NO_LUMINANCE, STRETCH_WORDS, shownBands, stretchesOf } from "./stretch.js";

const BOTTOM_MARGIN = 10;
const LEAST_HEIGHT = 260;
const SETTLE_MS = 140; // a size that is still changing needs no pictures
const TILE_STEP = 1.2;
const LARGEST_OF_FEW = 320; // CSS pixels: cutouts of 40 to 100 pixels show no more in larger tiles

/** Return the side of `count` squares that fill a room. */
function sideOf(count, { width, height }) {
  const sides = Array.from({ length: count }, (_, index) => Math.min(width / (index + 1), height / Math.ceil(count / (index + 1))));
  return Math.floor(Math.max(...sides)) - 6;
}

/** Return the side of tiles in a room, as set; the usual one grows where `count` candidates leave much of the room empty. */
export function tileFor(tile, count, room) {
  const few = count > 0 && count * tile * tile < room.width * room.height;
  return tile === USUAL_TILE && few ? Math.max(tile, Math.min(LARGEST_OF_FEW, sideOf(count, room))) : tile;
}

/** The part of a gallery that shows; what it shows with, the gallery makes. */
export class Showing {
  /** Show the part of the review that the bar asks for, or all of it where that is refused. */
  async filter() {
    const { shelf, part } = this, { value } = part, query = queryOf(value);
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
    this.followScores(Boolean(told?.tellsScores));
    shelf.filter(query && !told ? [] : value.show, last, told?.ids);
    this.layout();
  }

  /** Show the scores while filter or order tell them, and hide them again afterwards, unless they were shown by hand. */
  followScores(tells) {
    const { facts } = this;
    facts.scoresTold = tells;
    if (tells === facts.scoresShown || (!tells && !this.shownForPart)) return;
    facts.scoresShown = this.shownForPart = tells;
    this.showSettings();
    this.notices.toast(tells
      ? 'Scores are shown, since this filter or order tells them; votes record that you saw them.'
      : 'Scores are hidden again: neither filter nor order tells them.');
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
    const { shelf } = this;
    this.tile = tileFor(this.settings.values.tile, (shelf.share ?? shelf.queue).length, room);
    this.root.toggleAttribute('data-compared', this.compared > 0);
    if (!this.compared) return this.mosaic.layout({ ...room, tile: this.tile, whole: room.whole + this.part.root.offsetHeight });
    const height = room.whole - KEYS_HEIGHT;
    return this.mosaic.layout({ width: room.width, height, tile: height, count: this.compared, bands: this.data.bands.length });
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
    this.toolbar.showCompared(this.compared);
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
    this.showCompared(ids);
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
    if (!this.compared) return;
    const { tiles, cell } = this.mosaic, seen = { side: cell, marks: this.settings.values.marks };
    this.cards.mark(tiles[index], index, { id, facts: facts.of(id), vote: votes.get(id), note: votes.note(id), ...seen });
  }

  /** Draw those that are compared from their pixels, with their bands where there is room for them. */
  showCompared(ids) {
    const { mosaic, settings, pictures } = this, { panels } = mosaic;
    if (!this.compared) return;
    ids.forEach(async (id, index) => {
      const raw = await pictures.wholeOf(id).catch(() => null);
      if (!raw || !this.compared || this.shelf.view[index] !== id) return;
      this.cards.draw(mosaic.tiles[index], index, raw, { display: settings.display, shown: this.shownBands, view: settings.values, panels });
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
    this.mosaic.zoom = this.settings.zoom;
    this.toolbar.showZoom(this.settings.zoom);
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
    this.shownForPart = false;
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

  /** The zoom of what is seen large: of the single view or of those compared, if any. */
  get zoomed() {
    if (this.single.open) return this.single.zoom;
    return this.compared ? this.cards.zoom : null;
  }

  zoom(step) {
    if (this.zoomed) this.zoomed.step(step);
    else this.set('tile', this.tile * TILE_STEP ** step, { live: false });
  }

  /** Show the middle of every cutout so much larger; without a zoom in the next step, after the largest whole. */
  zoomTiles(zoom = ZOOMS[(ZOOMS.indexOf(this.settings.zoom) + 1) % ZOOMS.length]) {
    this.settings.zoomTo(zoom);
    if (this.compared) this.cards.zoomTo(zoom);
    this.showSettings();
    this.restretch({ live: false });
    this.notices.say(zoom > 1 ? `Tiles show the middle of each cutout, ${zoom} times as large.` : 'Tiles show whole cutouts.');
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }
}
