// The gallery: what it is made of, what keys and controls do to it, and the votes given in it.

import { Browsing } from "./browsing.js";
import { Cards } from "./compared.js";
import { DISPLAY_SETTINGS } from "./display_controls.js";
import { EndCard, KeyStrip } from "./guide.js";
import { element, returnAfterDialog } from "./dom.js";
import { Fingers } from "./gestures.js";
import { actionOf, fillHelp, fitHelp, isElsewhere, leaveNavigation, selectsPage } from "./keys.js";
import { Mosaic } from "./mosaic.js";
import { Notices } from "./notices.js";
import { PartBar, samePart } from "./part.js";
import { MOST_COMPARED, Picks, csvOf } from "./picks.js";
import { Pictures } from "./pictures.js";
import { Facts, Remote } from "./remote.js";
import { Settings } from "./settings.js";
import { Retired, Shelf } from "./shelf.js";
import { SingleView } from "./single.js";
import { Toolbar } from "./toolbar.js";
import { Trail } from "./trail.js";
import { Stopwatch, Voting } from "./votes.js";

/** What says something of candidates in the inspector's name. */
const OF_INSPECTOR = new Set(['grade', 'gradeRest', 'withdraw', 'undo', 'toggleStar', 'writeComment']);

/** The state of one mounted gallery. Keys and buttons call its methods by name: see keys.js and `data-do`. */
export class Gallery extends Browsing {
  /** @param trigger tells Streamlit: trigger('open', name of a review) or trigger('create', part that is shown) */
  constructor(root, data, trigger) {
    super();
    Object.assign(this, { root, data, trigger, compared: 0 });
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
    if (data.inspector) for (const storage of [sessionStorage, localStorage]) storage.setItem('lensapp.inspector', data.inspector);
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
      onShared: (message) => this.notices.toast(message),
    });
  }

  makeViews() {
    const { root, data, settings } = this;
    this.mosaic = new Mosaic(root.querySelector('.grid'), {
      grades: data.grades,
      onPick: (index, event) => this.pickTile(this.shelf.page * this.shelf.perPage + index, event),
      onOpen: () => this.openSingle(),
    });
    this.cards = new Cards(this.stage, {
      data, onGrade: (index, letter) => { this.moveTo(index); this.act('vote', { grade: letter, contaminant: null }); },
      onStar: (index) => { this.moveTo(index); this.act('toggleStar'); }, values: (id) => this.remote.values(id),
    });
    this.single = new SingleView(root.querySelector('.single'), { data, settings, on: {
      grade: (letter) => this.act('grade', letter), star: () => this.act('toggleStar'),
      comment: (comment) => this.annotate({ comment }), view: (changes) => this.changeView(changes),
      step: (direction) => this.moveBy(direction), values: (id) => this.remote.values(id),
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
    leaveNavigation();
    this.onKey = (event) => this.takeKey(event);
    this.onResize = () => this.scheduleLayout();
    document.addEventListener('keydown', this.onKey, true);
    addEventListener('resize', this.onResize);
    this.observer = new ResizeObserver(this.onResize);
    this.observer.observe(this.root);
    this.stage.addEventListener('pointerdown', () => { this.levels.open = false; this.part.menu.open = false; });
    this.fingers = new Fingers(this.mosaic.grid, {
      onSwipe: (direction) => { if (!this.compared) this.turn(direction); },
      onPinch: (factor) => { if (!this.compared) this.set('tile', this.tile * factor, { live: true }); },
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
    if (this.data.review.passing) this.notices.toast('These are the candidates most alike. A look at them leaves nothing behind: it stands among the reviews once somebody grades in it.');
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
    this.notices.dismissOffer();
    if (this.single.open) this.closeSingle();
    this.part.unfold();
  }

  goOn(page) { this.trigger('go', page); }

  /** Take a key press, unless it is meant for something else. */
  takeKey(event) {
    if (!this.root.isConnected || !this.root.getClientRects().length) return;
    if (selectsPage(event) && !this.data.looking) {
      event.preventDefault(); // there is no text to select, and a filter that was entered is left
      this.notices.toast('Space picks one candidate, a click with Shift all between; / changes the filter.');
      return;
    }
    if (isElsewhere(event)) return;
    const action = actionOf(event, this.data);
    if (!action) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const [method] = action;
    if (OF_INSPECTOR.has(method)) {
      if (this.renamed) { this.notices.toast('No vote taken: the gallery of the other name is on its way.', { kind: 'wrong' }); return; }
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
    if (name === 'zoom') { this.zoomTiles(Number(value)); return; }
    this.settings.change({ [name]: value });
    this.showSettings();
    if (name === 'tile') this.layout({ soon: true });
    else if (name === 'blinkRate') this.stopBlinking();
    else if (DISPLAY_SETTINGS.has(name)) this.restretch({ live });
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

  // Votes

  /** Grade the candidate under the cursor and go on. */
  grade(letter, contaminant = null) {
    if (this.votePicked({ grade: letter, contaminant })) return;
    if (this.shelf.past) { this.notices.toast(`No vote taken. ${this.whatIsPast}`, { kind: 'wrong' }); return; }
    if (!this.vote({ grade: letter, contaminant })) return;
    this.notices.say(`Grade ${[letter, contaminant].filter(Boolean).join(', ')}. ${this.gradedSoFar}`);
    this.goOnFrom(this.shelf.atEnd);
  }

  /** Go on after a grade; past the last one shown the cursor stays, and keys grade nothing until one moves on purpose. */
  goOnFrom(last) {
    if (!last) { this.moveBy(1); return; }
    this.moveTo(this.shelf.view.length - 1);
    this.shelf.past = true;
    if (this.end.root.hidden) this.notices.toast(this.whatIsPast);
  }

  /** What is said once the last one shown is graded. */
  get whatIsPast() {
    const { shelf } = this, next = shelf.ungradedAfter(shelf.cursor) === null ? '' : ' G goes to the next without a grade.';
    return `The last of the ${shelf.view.length.toLocaleString('en')} shown is graded. Arrows or a click choose one to grade anew.${next}`;
  }

  withdraw() {
    if (!this.vote(null)) return;
    this.shelf.past = false; // the next key grades it anew
    this.notices.say(`Vote withdrawn. ${this.gradedSoFar}`);
  }

  // Several at once

  /** A click looks at a candidate; with Ctrl or ⌘ it picks it, with Shift all from the last one on. */
  pickTile(cursor, { ctrlKey, metaKey, shiftKey }) {
    const { view, cursor: before } = this.shelf;
    if (this.compared) { this.moveTo(cursor); return; }
    if (ctrlKey || metaKey) this.picks.toggle(view[cursor]);
    if (shiftKey) this.picks.add([...view.subarray(Math.min(before, cursor), Math.max(before, cursor) + 1)]);
    this.moveTo(cursor);
  }

  /** Pick the candidate under the cursor, or no longer. */
  togglePick() {
    if (!this.single.open && !this.compared && this.shelf.current !== undefined) this.picks.toggle(this.shelf.current);
  }

  /** Show those picked side by side, as large as they fit, the first one chosen; Esc leads back. */
  comparePicked() {
    const { shelf, picks, notices } = this;
    if (picks.size < 2 || picks.size > MOST_COMPARED) {
      notices.toast(`Pick 2 to ${MOST_COMPARED} candidates to compare (Space, or a click with Ctrl).`);
      return;
    }
    this.compared = picks.size;
    this.cards.begin(this.mosaic.zoom);
    shelf.show(shelf.queue.filter((id) => picks.ids.has(id)));
    shelf.moveTo(0);
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

  /** Give a vote to all that are picked, or refuse it; return whether there are any. */
  votePicked(vote) {
    const ids = [...this.picks.ids];
    if (!ids.length || this.single.open) return false;
    if (!this.pictures.pageReady) { this.refuse(); return true; }
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
    if (current === undefined || !painted) { this.refuse(); return false; }
    const before = this.shelf.graded;
    this.voting.give([current], vote);
    this.celebrate(before);
    return true;
  }

  /** Say that a vote was not taken, since what it was for is not in sight: no key is lost unseen. */
  refuse() {
    const why = this.shelf.current === undefined ? 'no candidate is shown' : 'the picture was not shown yet';
    this.notices.toast(`No vote taken: ${why}.`, { kind: 'wrong' });
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
    if (this.single.open) { this.notices.toast('The rest of the page is graded in the mosaic (Esc).'); return; }
    if (!this.pictures.pageReady) { this.refuse(); return; }
    const rest = [...shelf.idsOf(shelf.page)].filter((id) => !votes.get(id));
    if (!rest.length) {
      const left = shelf.total - shelf.graded;
      this.notices.toast(left ? `All on this page are graded; ${left} ${left === 1 ? 'is' : 'are'} left: press G.` : 'All are graded.');
      return;
    }
    const before = shelf.graded;
    this.voting.give(rest, { grade: letter, contaminant: null });
    this.celebrate(before);
    this.notices.toast(`Graded the other ${rest.length} on this page ${letter}. Press Z to undo.`);
    if (shelf.page < shelf.pages - 1) this.nextPage();
    else { this.moveToLast(); shelf.past = true; }
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
    if (this.shelf.current === undefined) { this.refuse(); return; }
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
