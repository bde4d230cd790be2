// The sheet's requests, the words of the record and of the card at the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.addEventListener ??= () => {};

const { framesOf, halves, partsOf } = await import('../../../lensapp/ui/gallery/client/contact_sheet.js');
const { agreed } = await import('../../../lensapp/ui/gallery/client/guide.js');
const { inSeconds } = await import('../../../lensapp/ui/gallery/client/toolbar.js');
const { actionOf, helpSections } = await import('../../../lensapp/ui/gallery/client/keys.js');
const { csvOf } = await import('../../../lensapp/ui/gallery/client/picks.js');
const { figure, scoreText } = await import('../../../lensapp/ui/gallery/client/record.js');

const GRADES = [{ letter: 'A', keys: ['a', '1'] }, { letter: 'X', keys: ['x', '0'] }];
const press = (key, more = {}) => ({ key, shiftKey: false, ...more });

test('a request holds cutouts of one source only, in the order of the sheet, and no more than a hundred', () => {
  const items = Array.from({ length: 203 }, (_, index) => [index + 1, index % 50 === 7 ? 2 : 1]);
  const parts = partsOf(items);
  assert.ok(parts.every((part) => part.length <= 100 && new Set(part.map(({ source }) => source)).size === 1));
  assert.deepEqual(parts.flat().map(({ index }) => index).sort((a, b) => a - b), items.map((_, index) => index));
  assert.ok(parts.flat().every(({ id, index }) => items[index][0] === id));
});

test('the cutouts of a pair are in one frame, and sheets without pairs have none', () => {
  assert.deepEqual(framesOf(['a', 'b', 'c', 'd', 'e'], [2, 3]), [['a', 'b'], ['c', 'd', 'e']]);
  assert.deepEqual(framesOf(['a', 'b'], []), []);
});

test('a long caption keeps its end, which tells objects of one image apart', () => {
  assert.deepEqual(halves('HAHJ0416-2405_x12y90'), ['HAHJ0416-240', '5_x12y90']);
  assert.deepEqual(halves('J1041_1710'), ['J1041_1710']);
});

test('in the lightbox no key grades, notes or makes a review, and the others work as in the gallery', () => {
  const looking = { grades: [], contaminants: [], looking: {} };
  for (const key of ['z', 'Backspace', '*', ';', 'g']) assert.deepEqual(actionOf(press(key), looking), ['ignore']);
  for (const key of ['X', 'L', 'O', 'V']) assert.deepEqual(actionOf(press(key, { shiftKey: true }), looking), ['ignore']);
  assert.equal(actionOf(press('a'), looking), null);
  assert.deepEqual(actionOf(press('E', { shiftKey: true }), looking), ['toggleExplain']);
  assert.deepEqual(actionOf(press('ArrowRight'), looking), ['moveBy', 1]);
  const review = { grades: GRADES, contaminants: [] };
  assert.deepEqual(actionOf(press('a'), review), ['grade', 'A']);
  assert.deepEqual(actionOf(press('E', { shiftKey: true }), review), ['toggleExplain'], 'which says where it is');
});

test('the help of the lightbox names no key that grades', () => {
  const headings = helpSections({ looking: {} }).map(([heading]) => heading);
  assert.deepEqual(headings, ['Move', 'Look', 'In the single view']);
});

test('scores near 0 and 1 keep the digits that tell them from these; numbers have six and a true minus', () => {
  assert.equal(scoreText(0.5), '0.500');
  assert.equal(scoreText(0.99988), '0.99988');
  assert.equal(scoreText(0.00012), '0.00012');
  assert.equal(scoreText(1), '1.000');
  assert.equal(figure(-0.16211234), '−0.162112');
  assert.equal(figure(null), '–');
  assert.equal(figure(true), 'yes');
});

test('agreement is told for those who graded the same candidates', () => {
  assert.match(agreed([{ inspector: 'Grace', kappa: 0.714, candidates: 12 }]), /0\.71 with Grace on 12/);
  assert.match(agreed([{ inspector: 'Grace', kappa: null, candidates: 3 }]), /Nobody else/);
  assert.match(agreed([]), /Nobody else/);
});

test('picked candidates go out as CSV that no spreadsheet takes for formulae', () => {
  const rows = [{ id: 'J1', ra: 150.5, comment: 'arc, "blue"' }, { id: '=1+1', ra: -2, comment: null }];
  assert.equal(csvOf(rows), 'id,ra,comment\nJ1,150.5,"arc, ""blue"""\n\'=1+1,-2,\n');
});

test('half a second is said of no less: shorter looks are told as the page Team tells them', () => {
  assert.deepEqual([0.3, 0.46, 0.4999, 0.5, 0.54, 9.94, 12.4].map(inSeconds), ['< 0.5 s', '< 0.5 s', '< 0.5 s', '0.5 s', '0.5 s', '9.9 s', '12 s']);
});
