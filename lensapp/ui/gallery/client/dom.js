// Making elements.

/**
 * Make an element. Names in `properties` with a hyphen, and `role`, are attributes, those with two style
 * variables, those that begin with "on" listeners; the rest are properties.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('--')) made.style.setProperty(name, value);
    else if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Make a part of a drawing. */
export function svg(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const LONGEST_END = 8; // as of round-12: where there is little room the begin has some of it too

/** Write a name so that, where there is no room for all of it, its middle goes: similar names differ at their ends. */
export function writeEnds(root, name) {
  const letters = [...name], end = Math.min(LONGEST_END, letters.length >> 1), cut = letters.length - end;
  root.classList.add('ends');
  root.replaceChildren(...[letters.slice(0, cut), letters.slice(cut)].map((part) => element('span', { textContent: part.join('') })));
}

/** Make a list to choose from; `options` are [value, text] or texts that are values too. */
export function select(options, properties = {}) {
  const entries = options.map((option) => (Array.isArray(option) ? new Option(option[1], option[0]) : new Option(option, option)));
  return element('select', properties, ...entries);
}

const DIALOG_WITHIN = 20_000; // ms in which a dialog that was asked for opens

/** Give the keyboard back to what asked for a dialog of the page, once that is shut. */
export function returnAfterDialog(opener) {
  if (!opener) return;
  let isOpen = false;
  const watch = new MutationObserver(() => {
    const shown = Boolean(document.querySelector('[role="dialog"]'));
    if (isOpen && !shown) {
      watch.disconnect();
      setTimeout(() => { if (opener.isConnected && document.activeElement === document.body) opener.focus({ preventScroll: true }); });
    }
    isOpen = shown;
  });
  watch.observe(document.body, { childList: true, subtree: true });
  setTimeout(() => { if (!isOpen) watch.disconnect(); }, DIALOG_WITHIN);
}
