import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Retired, Shelf } from '../../../lensapp/ui/gallery/client/shelf.js';
import { Votes } from '../../../lensapp/ui/gallery/client/votes.js';

const GRADES = [...'ABCX'].map((letter) => ({ letter }));

function shelfOf(size, { perPage = 4, votes = new Votes(GRADES) } = {}) {
  const shelf = new Shelf(votes);
  shelf.queue = Float64Array.from({ length: size }, (_, index) => index + 1);
  shelf.perPage = perPage;
  shelf.filter([], null);
  return shelf;
}

test('what has retired is left out of the pages to come', () => {
  const votes = new Votes(GRADES);
  votes.put(3, { grade: 'A', contaminant: null });
  const shelf = shelfOf(12, { votes });
  shelf.moveTo(5);
  shelf.retired = new Set([1, 3, 6, 9, 10]);
  shelf.leaveOutAhead();
  assert.deepEqual([...shelf.view], [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]); // the page shown, 5 to 8, stays
  shelf.filter([], 9);
  assert.deepEqual([...shelf.view], [2, 3, 4, 5, 7, 8, 11, 12]);
  assert.equal(shelf.current, 11);
  assert.equal(shelf.total, 8);
});

test('filters show what has the grade, the star or the comment', () => {
  const votes = new Votes(GRADES);
  votes.put(2, { grade: 'B', contaminant: null });
  votes.put(5, { grade: 'X', contaminant: 'ring' });
  votes.putNote(3, { comment: null, starred: true });
  votes.putNote(4, { comment: 'an arc', starred: false });
  const shelf = shelfOf(6, { votes });
  const shown = (filter) => { shelf.filter([filter].flat(), null); return [...shelf.view]; };
  assert.deepEqual(shown('graded'), [2, 5]);
  assert.deepEqual(shown('ungraded'), [1, 3, 4, 6]);
  assert.deepEqual(shown('grade:X'), [5]);
  assert.deepEqual(shown('starred'), [3]);
  assert.deepEqual(shown('commented'), [4]);
  assert.deepEqual(shown(['grade:B', 'grade:X']), [2, 5]);
  assert.deepEqual(shown(['ungraded', 'starred']), [3]);
  assert.deepEqual(shown([]), [1, 2, 3, 4, 5, 6]);
});

test('what the server leaves is shown in its order, with the marks that are asked for', () => {
  const votes = new Votes(GRADES);
  votes.put(2, { grade: 'B', contaminant: null });
  const shelf = shelfOf(6, { votes });
  shelf.filter([], null, Float64Array.of(5, 2, 4));
  assert.deepEqual([...shelf.view], [5, 2, 4]);
  shelf.filter(['ungraded'], null, Float64Array.of(5, 2, 4));
  assert.deepEqual([...shelf.view], [5, 4]);
  assert.equal(shelf.queue.length, 6);
});

test('a review opens where one looked last, or at the first without a grade after it', () => {
  const votes = new Votes(GRADES);
  const shelf = shelfOf(6, { votes });
  shelf.filter([], 4);
  assert.equal(shelf.current, 4);
  votes.put(4, { grade: 'A', contaminant: null });
  shelf.filter([], 4);
  assert.equal(shelf.current, 5);
});

test('the next candidate without a grade is looked for from the cursor around to it', () => {
  const votes = new Votes(GRADES);
  const shelf = shelfOf(5, { votes });
  for (const id of [1, 3, 4, 5]) votes.put(id, { grade: 'C', contaminant: null });
  assert.equal(shelf.ungradedAfter(3), 1);
  votes.put(2, { grade: 'C', contaminant: null });
  assert.equal(shelf.ungradedAfter(3), null);
});

test('a review that retires nothing asks the server for nothing', async () => {
  const remote = { retired: () => assert.fail('asked') };
  await new Retired({ remote, shelf: shelfOf(3), retires: false }).load();
});

test('a share is what is shown and counted, unless those of all are asked for', () => {
  const votes = new Votes(GRADES);
  const shelf = shelfOf(6, { votes });
  shelf.takeShare(Float64Array.of(2, 3, 5));
  votes.put(5, { grade: 'A', contaminant: null });
  votes.put(6, { grade: 'X', contaminant: null }); // of somebody else's share
  shelf.filter([], null);
  assert.deepEqual([...shelf.view], [2, 3, 5]);
  assert.deepEqual([shelf.graded, shelf.total], [1, 3]);
  shelf.filter([], null, Float64Array.of(6, 5, 4, 3));
  assert.deepEqual([...shelf.view], [5, 3]);
  shelf.filter(['everyone', 'graded'], null);
  assert.deepEqual([...shelf.view], [5, 6]);
  shelf.retired = new Set([3, 4, 5]);
  assert.equal(shelf.total, 2); // 3 is settled, 4 somebody else's, 5 graded before
});
