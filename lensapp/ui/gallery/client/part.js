// The bar above the mosaic that shows a part of the review, in another order: filter, chips, sort.

import { element } from "./dom.js";

/** What is shown: marks of one's own or of all, a filter, and the column to sort by; the address holds it. */
export const WHOLE = Object.freeze({ show: Object.freeze([]), where: '', sort: '', highest: false });
/** What the server tells: the rest of `show` is known here. */
const TOLD = ['disputed', 'known'];
const SORTS = {
  score: 'Score', scatter: 'Disagreement', mean: 'Mean grade', votes: 'Number of votes', my_grade: 'My grade', my_time: 'When I graded', my_seconds: 'Time I took',
};
const FIRST_HIGHEST = new Set(['score', 'scatter', 'mean', 'votes', 'my_time', 'my_seconds']);
const MOST_LISTED = 300;

const sorted = (show) => [...new Set(show)].sort();

/** Return a part in the one form in which parts are compared. */
export function partOf({ show = [], where = '', sort = '', highest = false } = {}) {
  return { show: sorted(show), where: where.trim(), sort, highest: Boolean(sort && highest) };
}

export const samePart = (one, other) => JSON.stringify(partOf(one)) === JSON.stringify(partOf(other));
export const isWhole = (part) => samePart(part, WHOLE);

/** Return the query of the route that tells ids, or null where none need be asked for. */
export function queryOf(part) {
  const show = part.show.filter((one) => TOLD.includes(one));
  if (!part.where && !part.sort && !show.length) return null;
  return new URLSearchParams({ where: part.where, sort: part.sort, highest: part.highest ? 1 : 0, show: show.join(',') });
}

/** The bar; what is set in it is `value`. */
export class PartBar {
  /**
   * @param onChange called with the part that was set
   * @param onShape called when the bar takes another height, onShut when the key Escape shuts it
   * @param onViews called when the views kept of the page are asked for
   * @param columns fetches {columns: [{name, unit, text}], sortable: [names], why_blind}
   */
  constructor(root, { data, onChange, onShape, onViews, onShut, columns }) {
    Object.assign(this, { root, data, onChange, onShape, onShut, columns, value: partOf(data.part) });
    this.button = root.parentElement.querySelector('[data-do="togglePart"]');
    const icon = (name) => element('i', { textContent: name, 'aria-hidden': 'true' });
    const button = (title, act, ...inside) => element('button', { type: 'button', title, 'aria-label': title, onclick: act }, ...inside);
    this.field = element('input', {
      type: 'text', spellcheck: false, autocomplete: 'off', 'aria-label': 'Filter', placeholder: data.example ?? '',
      title: 'Columns of the catalogue, score, my_grade …, joined by & and |, as on every page (/)',
      onchange: () => this.set({ where: this.field.value }), onkeydown: (event) => this.takeKey(event),
    });
    this.list = element('div', { className: 'names', role: 'group', 'aria-label': 'Columns' });
    this.menu = element('details', { className: 'columns', ontoggle: () => this.fill() },
      element('summary', { title: 'What a filter can name' }, icon('view_column'), element('span', { className: 'unseen', textContent: 'Columns' })), this.list);
    this.chips = this.makeChips();
    this.sort = element('select', { 'aria-label': 'Sort by', title: 'Sort by', onfocus: () => this.fill(), onchange: () => this.sortBy(this.sort.value) });
    this.direction = button('Turn the order round', () => this.set({ highest: !this.value.highest }), icon('arrow_upward'));
    this.count = element('span', { className: 'count', role: 'status' });
    this.clear = button('Show the whole review', () => { this.wanted = true; this.set(WHOLE); }, icon('close'));
    this.wrong = element('p', { className: 'wrong', role: 'alert', hidden: true });
    root.replaceChildren(
      this.field, this.menu, element('span', { className: 'chips', role: 'group', 'aria-label': 'Only' }, ...this.chips.values()),
      this.sort, this.direction, button('Views kept of this page, and its link', onViews, icon('bookmark')), this.count, this.clear, this.wrong,
    );
    this.show();
  }

  makeChips() {
    const { grades, review, known_lenses: known, share } = this.data, others = 'This review hides the votes of others while it is open';
    const chips = [
      ['everyone', 'Everyone’s', 'Candidates of others’ shares too'], ['ungraded', 'Ungraded', 'Not graded by you yet'], ['graded', 'Graded', 'Graded by you'],
      ...grades.map(({ letter, meaning }) => [`grade:${letter}`, letter, `Your grade ${letter}: ${meaning}`]),
      ['starred', 'star', 'Starred by you'], ['commented', 'comment', 'With a comment of yours'],
      ['disputed', 'Disputed', review.blind_to_others ? others : 'Two or more inspectors differ'], ['known', 'Known', 'At a known lens'],
    ];
    return new Map(chips.map(([name, words, title]) => [name, element(
      'button',
      { type: 'button', title, 'aria-label': title, disabled: name === 'disputed' && review.blind_to_others, hidden: (name === 'known' && !known) || (name === 'everyone' && share == null), onclick: () => this.toggle(name) },
      ['starred', 'commented'].includes(name) ? element('i', { textContent: words }) : words,
    )]));
  }

  toggle(name) {
    const { show } = this.value;
    this.set({ show: show.includes(name) ? show.filter((one) => one !== name) : [...show, name] });
  }

  sortBy(sort) {
    this.set({ sort, highest: FIRST_HIGHEST.has(sort) });
    this.sort.blur(); // so that the next key grades
  }

  /** Set some of what is shown, and tell it; return whether it was another. */
  set(changes) {
    const value = partOf({ ...this.value, ...changes });
    if (samePart(value, this.value)) return false;
    this.take(value);
    this.onChange(value);
    return true;
  }

  /** Show a part that was set elsewhere: in the address. */
  take(part) {
    this.value = partOf(part);
    this.wanted ||= undefined; // one that was shut opens to show it
    this.refuse('');
    this.show();
  }

  takeKey(event) {
    event.stopPropagation();
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    if (event.key === 'Escape') {
      this.field.value = this.value.where;
      this.onShut();
    } else {
      this.entered = true;
      if (!this.set({ where: this.field.value }) && this.wrong.hidden) this.leave();
    }
  }

  /** Leave the field once what was entered is shown; after a refusal it is there to be put right. */
  leave() {
    if (this.entered && this.field.value.trim() === this.value.where) this.field.blur();
    this.entered = false;
  }

  get open() { return !this.root.hidden; }

  /** Open the bar and go to its field. */
  unfold() {
    this.wanted = true;
    this.show();
    this.field.focus();
  }

  /** Shut the bar, of which the button still tells what it sets, but for a filter that was refused; return whether it was open. */
  shut() {
    if (!this.open) return false;
    if (!this.wrong.hidden) this.set({ where: '' });
    this.wanted = false;
    this.show();
    return true;
  }

  show() {
    const { value } = this, whole = isWhole(value), hidden = !(this.wanted ?? !whole);
    if (this.field.value.trim() !== value.where) this.field.value = value.where;
    this.chips.forEach((chip, name) => chip.setAttribute('aria-pressed', String(value.show.includes(name))));
    this.offerSorts();
    this.direction.disabled = !value.sort;
    this.direction.firstChild.textContent = value.highest ? 'arrow_downward' : 'arrow_upward';
    this.clear.disabled = whole;
    this.button.setAttribute('aria-pressed', String(!whole));
    this.button.setAttribute('aria-expanded', String(!hidden));
    if (this.root.hidden === hidden) return;
    this.root.hidden = hidden;
    this.onShape();
  }

  /** Say how many of all are shown. */
  showCount(count, total) {
    const whole = isWhole(this.value) || !this.wrong.hidden, words = `${count.toLocaleString('en')} of ${total.toLocaleString('en')}`;
    const kinds = [this.value.where || this.value.show.length ? 'filter' : '', this.value.sort ? 'sorted' : ''].filter(Boolean);
    this.count.textContent = whole ? total.toLocaleString('en') : `${words} · ${kinds.join(', ')}`;
    this.button.querySelector('span').textContent = whole ? 'Filter' : words;
  }

  /** Say why a part cannot be shown; nothing where it can. */
  refuse(message) {
    if (this.wrong.textContent === message) return;
    this.wrong.textContent = message;
    this.wrong.hidden = !message;
    this.field.setAttribute('aria-invalid', String(Boolean(message)));
    this.onShape();
  }

  offerSorts() {
    const names = this.sortable ?? [...(this.data.review.scored ? ['score'] : []), ...Object.keys(SORTS).filter((name) => name.startsWith('my_'))];
    const every = this.value.sort && !names.includes(this.value.sort) ? [this.value.sort, ...names] : names;
    const options = ['', ...every];
    if (options.join() !== [...this.sort.options].map(({ value }) => value).join()) {
      this.sort.replaceChildren(...options.map((name) => new Option(name ? SORTS[name] ?? name : 'Review order', name)));
    }
    this.sort.value = this.value.sort;
  }

  /** Ask once what the review can be filtered and sorted by. */
  async fill() {
    if (this.asked) return;
    this.asked = true;
    try {
      const { columns, sortable, why_blind: reason } = await this.columns();
      this.sortable = [...Object.keys(SORTS).filter((name) => sortable.includes(name)), ...sortable.filter((name) => !(name in SORTS))].slice(0, MOST_LISTED);
      this.offerSorts();
      this.list.replaceChildren(...columns.slice(0, MOST_LISTED).map(({ name, unit, text }) => element(
        'button', { type: 'button', onclick: () => this.insert(name) }, name, element('small', { textContent: text ? 'text' : unit }),
      )), ...(reason ? [element('p', { textContent: reason })] : []));
    } catch {
      this.asked = false; // the next time it is opened
    }
  }

  /** Write a column's name into the field. */
  insert(name) {
    const { field } = this, word = /^\w+$/.test(name) ? name : `\`${name}\``;
    this.menu.open = false;
    field.focus();
    field.setRangeText(field.value && !/\s$/.test(field.value) ? ` ${word} ` : `${word} `, field.selectionStart, field.selectionEnd, 'end');
  }
}
