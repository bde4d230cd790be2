import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.document = { querySelector: () => null };
const { Gallery } = await import('../../../lensapp/ui/gallery/client/gallery.js');
const { Shelf } = await import('../../../lensapp/ui/gallery/client/shelf.js');

/** A gallery of two candidates, of which `drawn` says whether they are painted. */
function gallery({ view = [7, 8], drawn = true, picked = [], single = false }) {
  const given = [], told = [];
  const made = Object.create(Gallery.prototype);
  return Object.assign(made, {
    given, told,
    shelf: { current: view[0], cursor: 0, perPage: 2, page: 0, graded: 0, total: view.length, view, idsOf: () => view },
    data: { grades: [{ letter: 'A' }, { letter: 'X' }], inspector: 'Ada' },
    single: { open: single }, picks: { ids: new Set(picked), size: picked.length, clear() {} },
    pictures: { isDrawn: () => drawn, pageReady: drawn, singleReady: drawn },
    votes: { get: () => null, note: () => ({ starred: false }) },
    voting: { give: (ids, vote) => given.push([...ids, vote?.grade]), annotate: (id) => given.push([id, '*']) },
    notices: { say() {}, toast: (message) => told.push(message) },
    celebrate() {}, moveBy: (step) => given.push(`on by ${step}`), nextPage() {},
  });
}

test('a grade is a vote on the candidate under the cursor, once its picture is shown', () => {
  const { given, told } = grading(gallery({}));
  assert.deepEqual(given, [[7, 'A'], 'on by 1']);
  assert.deepEqual(told, []);
});

function grading(made) {
  made.grade('A');
  return made;
}

for (const [when, state, why] of [
  ['before its picture is shown', { drawn: false }, 'the picture was not shown yet'],
  ['before its picture is shown alone', { drawn: false, single: true }, 'the picture was not shown yet'],
  ['before the review is there', { view: [] }, 'no candidate is shown'],
  ['of those picked before the page is shown', { drawn: false, picked: [7, 8] }, 'the picture was not shown yet'],
]) {
  test(`a grade ${when} is refused in sight, and the cursor stays`, () => {
    const { given, told } = grading(gallery(state));
    assert.deepEqual(given, []);
    assert.deepEqual(told, [`No vote taken: ${why}.`]);
  });
}

test('so are the rest of a page, a withdrawal and a star', () => {
  const unpainted = gallery({ drawn: false }), empty = gallery({ view: [] });
  unpainted.gradeRest();
  unpainted.withdraw();
  empty.toggleStar();
  assert.deepEqual([unpainted.given, empty.given], [[], []]);
  assert.equal(unpainted.told.length, 2);
  assert.deepEqual(empty.told, ['No vote taken: no candidate is shown.']);
});

test('where a page has none left to grade, the rest of it says how many are left elsewhere', () => {
  const made = gallery({});
  made.votes.get = () => ({ grade: 'A' });
  made.shelf.total = 37; made.shelf.graded = 2;
  made.gradeRest();
  assert.deepEqual([made.given, made.told], [[], ['All on this page are graded; 35 are left: press G.']]);
});

/** A gallery of a filter that leaves two of three candidates, of which the cursor moves; votes are kept. */
function filtered({ perPage = 2 } = {}) {
  const kept = new Map(), votes = { get: (id) => kept.get(id) ?? null, note: () => ({ starred: false }), get size() { return kept.size; }, byId: kept };
  const shelf = Object.assign(new Shelf(votes), { queue: Float64Array.of(7, 8, 9), perPage });
  shelf.filter([], null, Float64Array.of(7, 8));
  const made = Object.assign(gallery({}), { shelf, votes, kept, end: { root: { hidden: true } } });
  made.voting.give = (ids, vote) => ids.forEach((id) => (vote ? kept.set(id, vote) : kept.delete(id)));
  Object.assign(made, { moveTo: (cursor) => shelf.moveTo(cursor), moveBy: (step) => shelf.moveTo(shelf.cursor + step) });
  return made;
}
const gradesOf = ({ kept }) => [...kept].map(([id, { grade }]) => `${id}${grade}`);

test('keys past the last candidate of a filter overwrite no grade, and say so', () => {
  const made = filtered();
  for (const letter of ['A', 'B']) made.grade(letter);
  assert.deepEqual(made.told, ['The last of the 2 shown is graded. Arrows or a click choose one to grade anew.']);
  made.grade('X');
  assert.deepEqual(gradesOf(made), ['7A', '8B']);
  assert.match(made.told[1], /^No vote taken\. The last of the 2 shown is graded\./);
});

test('one moves to a candidate, or withdraws, to grade it anew', () => {
  for (const choose of [(made) => made.moveBy(1), (made) => made.moveToLast(), (made) => made.withdraw()]) {
    const made = filtered();
    for (const letter of ['A', 'B']) made.grade(letter);
    choose(made);
    made.grade('X');
    assert.deepEqual(gradesOf(made), ['7A', '8X']);
  }
});

test('where some before the last have no grade it says how to go on', () => {
  const made = filtered();
  made.moveToLast();
  made.grade('B');
  assert.deepEqual(made.told, ['The last of the 2 shown is graded. Arrows or a click choose one to grade anew. G goes to the next without a grade.']);
});

test('after the rest of the last page no key grades its last candidate anew', () => {
  const made = filtered();
  made.gradeRest();
  made.grade('A');
  assert.deepEqual(gradesOf(made), ['7X', '8X']);
});
