// Where Streamlit meets a contact sheet.

import { ContactSheet } from "./contact_sheet.js";

const mounted = new WeakMap();
const identity = ({ workspace, inspector, items, sources }) => JSON.stringify([workspace, inspector, sources[items[0][1]].bands]);

/** Streamlit calls this on every rerun that changes the data. */
export default function mount({ data, parentElement }) {
  let entry = mounted.get(parentElement);
  if (entry && entry.identity !== identity(data)) {
    entry.sheet.close();
    entry.sheet.root.replaceWith(entry.pristine);
    entry = null;
  }
  if (entry) {
    entry.sheet.show(data);
  } else {
    const root = parentElement.querySelector('.contact');
    const pristine = root.cloneNode(true);
    entry = { identity: identity(data), pristine, sheet: new ContactSheet(root, data) };
    mounted.set(parentElement, entry);
  }
  return () => {
    mounted.get(parentElement)?.sheet.close();
    mounted.delete(parentElement);
  };
}
