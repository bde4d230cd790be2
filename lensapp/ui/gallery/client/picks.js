// Several candidates picked together: graded, starred, compared, written to a file, or made a review of their own.

import { element } from "./dom.js";

export const MOST_COMPARED = 4;

/** Quote a value for CSV; what a spreadsheet would take for a formula begins with an apostrophe. */
const cell = (value) => {
  const text = String(value ?? ''), safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** Return rows as CSV: objects with the same names. */
export function csvOf(rows) {
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.map(cell).join(',')).join('\n').concat('\n');
}

/** Which candidates are picked, and the bar of what can be done with them. */
export class Picks {
  /** @param onDo(method, ...values) calls the gallery; @param onChanged(ids) whose tiles are to be marked anew */
  constructor(root, { grades, onDo, onChanged }) {
    Object.assign(this, { root, onChanged, ids: new Set(), last: null });
    this.count = element('b');
    const button = (text, act, more = {}) => element('button', { type: 'button', textContent: text, onclick: () => onDo(...act), ...more });
    this.compare = button('Compare', ['comparePicked'], { title: `Side by side, up to ${MOST_COMPARED} (Shift P)` });
    root.replaceChildren(
      this.count,
      element('span', { className: 'grades' }, ...grades.map(({ letter, meaning, colour }) => button(letter, ['grade', letter], { title: meaning, 'aria-label': `Grade all picked ${letter}`, '--grade': colour }))),
      button('Star', ['toggleStar']), this.compare, button('New review', ['reviewPicked']), button('CSV', ['downloadPicked']),
      element('button', { type: 'button', className: 'icon', title: 'Pick none (Esc)', 'aria-label': 'Pick none', innerHTML: '<i>close</i>', onclick: () => this.clear() }),
    );
  }

  get size() { return this.ids.size; }

  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.last = id;
    this.changed([id]);
  }

  /** Pick all of `ids`. */
  add(ids) {
    ids.forEach((id) => this.ids.add(id));
    this.changed(ids);
  }

  clear() {
    const before = [...this.ids];
    this.ids.clear();
    this.last = null;
    this.changed(before);
  }

  changed(ids) {
    this.root.hidden = !this.size;
    this.count.textContent = `${this.size} picked`;
    this.compare.disabled = this.size < 2 || this.size > MOST_COMPARED;
    this.onChanged(ids);
  }
}
