// Keeps the inspector's name in this browser; tells the page which one was used in it last.

const KEY = 'lensapp.inspector';

export default function recall({ data, setTriggerValue }) {
  if (data.name) {
    localStorage.setItem(KEY, data.name);
  } else if (data.ask) {
    const name = localStorage.getItem(KEY);
    if (name) setTriggerValue('name', name);
  } else {
    localStorage.removeItem(KEY);
  }
}
