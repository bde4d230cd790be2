import assert from 'node:assert/strict';
import { test } from 'node:test';

const { mounting } = await import('../../../lensapp/ui/shared/mounting.js');

/** A place in a page, and what happens in it in order. */
function place() {
  const said = [];
  const root = { cloneNode: () => ({ ...root }), replaceWith: () => said.push('replaced') };
  const mount = mounting('.part', ({ name }) => [name], (_, { name }) => {
    said.push(`made ${name}`);
    return { renew: ({ token }) => said.push(`renewed ${token}`), close: () => said.push(`closed ${name}`) };
  });
  const parentElement = { isConnected: true, querySelector: () => root };
  return { said, parentElement, run: (name, token) => mount({ data: { name, token }, parentElement }) };
}

test('a part goes on when the page runs twice so closely that Streamlit takes back the first call after the second', () => {
  const { said, run } = place();
  run('Ada', 1);
  const second = run('Ada', 2);
  run('Ada', 3);
  second();
  assert.deepEqual(said, ['made Ada', 'renewed 2', 'renewed 3']);
});

test('a part goes on when the first of two calls is taken back before the second comes', () => {
  const { said, run } = place();
  run('Ada', 1)();
  run('Ada', 2);
  assert.deepEqual(said, ['made Ada', 'renewed 2']);
});

test('a part that is taken from the page after it was taken back is closed as well', async () => {
  const { said, parentElement, run } = place();
  run('Ada', 1)();
  parentElement.isConnected = false;
  await new Promise((later) => setTimeout(later, 5));
  assert.deepEqual(said, ['made Ada', 'closed Ada']);
});

test('a part is closed once when it has left the page, and at once when another takes its place', () => {
  const { said, parentElement, run } = place();
  run('Ada', 1);
  const last = run('Ben', 1);
  parentElement.isConnected = false;
  last();
  last();
  assert.deepEqual(said, ['made Ada', 'closed Ada', 'replaced', 'made Ben', 'closed Ben']);
});
