// Where Streamlit meets a part of a page: made once, renewed with what a rerun changes, made anew when it is of another thing.

/**
 * Return what Streamlit calls on every rerun that changes the data.
 *
 * What that returns is called when the part has left the page, but also, where two reruns follow closely, for the first
 * of them while the part still stands there: then it goes on.
 *
 * @param selector of the part's root
 * @param identity(data) what tells one thing from another
 * @param make(root, data, { setStateValue, setTriggerValue }) returns the part, which has renew(data) and close()
 */
export function mounting(selector, identity, make) {
  const mounted = new WeakMap();
  return ({ data, parentElement, ...tellers }) => {
    const own = JSON.stringify(identity(data));
    let entry = mounted.get(parentElement);
    if (entry && entry.identity !== own) {
      entry.part.close();
      entry.root.replaceWith(entry.pristine);
      entry = null;
    }
    if (entry) {
      entry.part.renew(data);
    } else {
      const root = parentElement.querySelector(selector), pristine = root.cloneNode(true);
      mounted.set(parentElement, { identity: own, root, pristine, part: make(root, data, tellers) });
    }
    const leave = () => {
      if (parentElement.isConnected) return;
      mounted.get(parentElement)?.part.close();
      mounted.delete(parentElement);
    };
    return () => {
      leave();
      setTimeout(leave); // of a part that is still there while it is being taken away
    };
  };
}
