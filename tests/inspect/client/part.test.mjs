import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WHOLE, isWhole, partOf, queryOf, samePart } from '../../../lensapp/ui/gallery/client/part.js';

test('two parts are the same in whatever order their marks were set', () => {
  assert.ok(samePart({ show: ['starred', 'grade:A'], where: ' a < 1 ' }, { show: ['grade:A', 'starred', 'starred'], where: 'a < 1', sort: '', highest: true }));
  assert.ok(!samePart({ sort: 'score', highest: true }, { sort: 'score', highest: false }));
  assert.ok(isWhole(partOf(undefined)) && isWhole(WHOLE));
});

test('the server is asked only for what it alone can tell', () => {
  assert.equal(queryOf(partOf({ show: ['ungraded', 'grade:A', 'starred'] })), null);
  assert.equal(String(queryOf(partOf({ show: ['known', 'ungraded'], where: 'mag_i < 22', sort: 'score', highest: true }))),
    'where=mag_i+%3C+22&sort=score&highest=1&show=known');
});
