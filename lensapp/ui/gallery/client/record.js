// What is known of a cutout, beside its picture: labels, scores, votes, dataset versions, columns of the catalogue.

import { element } from "./dom.js";

const CLASS_WORDS = { lens: 'lens', nonlens: 'non-lens' };

/** Write a number to six digits, and leave words as they are. */
export const figure = (value) => {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return String(value ?? '–');
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(6))).replace('-', '−');
};

/** Write a score with three decimals, and where these would be those of 0 or 1 with as many as tell it from them. */
export function scoreText(score) {
  const edge = Math.min(score, 1 - score), text = score.toFixed(3);
  if (edge < 5e-8 || !['0.000', '1.000'].includes(text)) return text;
  return score.toFixed(Math.min(7, 1 - Math.floor(Math.log10(edge))));
}

const day = (seconds) => new Date(seconds * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** The panel beside the large picture. */
export class RecordPanel {
  /** @param onExplain called when an explanation is asked for */
  constructor(root, { onExplain }) {
    Object.assign(this, { root, onExplain });
    this.why = element('section', { className: 'why' });
    this.body = element('div');
    root.replaceChildren(this.why, this.body);
  }

  /** Show a record as the route of the same name answers it; with null, that it is on its way. */
  show(record) {
    if (!record?.source) { this.body.replaceChildren(); return; }
    const { source, label, object_class: kind, scores, votes, datasets, trained, facts } = record;
    const truth = [...new Set([CLASS_WORDS[label] ?? label, kind].filter(Boolean))].join(', ');
    this.body.replaceChildren(
      table('Cutout', [['source', source], ['label', truth || 'none']]),
      this.votesOf(votes),
      table('Scores', scores.map(([run, score, chance]) => [run, scoreText(score) + (chance == null ? '' : ` · P ${scoreText(chance)}`)]), 'Not scored yet.'),
      table('Dataset versions', datasets.map(([name, part, as]) => [name, `${part}, ${CLASS_WORDS[as] ?? as}`]), 'In none: no network has learned from it.'),
      ...(trained.length ? [element('p', { className: 'quiet', textContent: `Learned from by ${trained.join(', ')}.` })] : []),
      table('Catalogue', facts.map(([name, value, unit]) => [name, `${figure(value)}${unit && value != null ? ` ${unit}` : ''}`]), 'No columns.'),
    );
  }

  votesOf(votes) {
    const rows = votes.map(({ inspector, grade, contaminant, comment, starred, voted_at: at, review, counts, withdrawn }) => {
      const words = grade ? [grade, contaminant, withdrawn && '(withdrawn)'].filter(Boolean).join(' ') : 'withdrawn';
      const notes = [starred && '★', comment && `“${comment}”`].filter(Boolean).join(' ');
      const row = element('div', { className: counts ? 'vote' : 'vote past', title: counts || withdrawn ? '' : 'Replaced by a later vote, or given too late' },
        element('b', { textContent: words }), element('span', { textContent: inspector }),
        element('small', { textContent: `${review}, ${day(at)}` }));
      if (notes) row.append(element('q', { textContent: notes }));
      return row;
    });
    return section('Votes', rows.length ? rows : [element('p', { className: 'quiet', textContent: 'No vote yet.' })]);
  }

  /** Show how far an explanation has come: {state, reading}, or null where none is wanted. */
  explain(answer) {
    this.why.hidden = !answer;
    if (!answer) return;
    const button = element('button', { type: 'button', textContent: 'Explain this one', onclick: () => this.onExplain() });
    const words = element('p', { className: answer.state === 'failed' ? 'wrong' : '', textContent: answer.reading });
    const busy = answer.state === 'waiting' ? [element('progress', { 'aria-label': 'Explaining' })] : [];
    this.why.replaceChildren(element('h2', { textContent: 'Why this score' }), ...busy, ...(answer.legend ? [legendOf(answer.legend)] : []), ...(answer.reading ? [words] : []), ...(answer.state === 'none' || answer.state === 'failed' ? [button] : []));
  }
}

/** What the colours of the maps mean. */
function legendOf([against, colours, towards, scale]) {
  const bar = element('i', {});
  bar.style.background = colours;
  return element('div', { className: 'map-legend' }, element('span', {}, against), bar, element('span', {}, towards), element('span', {}, scale));
}

function section(title, children) {
  return element('section', {}, element('h2', { textContent: title }), ...children);
}

function table(title, rows, empty = '') {
  if (!rows.length) return section(title, [element('p', { className: 'quiet', textContent: empty })]);
  const cells = rows.flatMap(([name, value]) => [element('dt', { textContent: name, title: name }), element('dd', { textContent: value })]);
  return section(title, [element('dl', {}, ...cells)]);
}
