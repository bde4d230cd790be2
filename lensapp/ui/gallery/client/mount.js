// Where Streamlit meets the gallery.

import { Gallery } from "./gallery.js";

const mounted = new WeakMap();
const identity = (data) => JSON.stringify([data.workspace, data.review.id, data.inspector]);

/** Streamlit calls this on every rerun that changes the data. */
export default function mount({ data, parentElement, setTriggerValue }) {
  let entry = mounted.get(parentElement);
  if (entry && entry.identity !== identity(data)) {
    entry.gallery.close();
    entry.gallery.root.replaceWith(entry.pristine);
    entry = null;
  }
  if (entry) {
    entry.gallery.renew(data);
  } else {
    const root = parentElement.querySelector('.gallery');
    const pristine = root.cloneNode(true);
    entry = { identity: identity(data), pristine, gallery: new Gallery(root, data, setTriggerValue) };
    mounted.set(parentElement, entry);
  }
  return () => {
    mounted.get(parentElement)?.gallery.close();
    mounted.delete(parentElement);
  };
}
