// Tells the page which inspector used the gallery in this browser last.

const KEY = 'lensapp.inspector';

export default function recall({ setTriggerValue }) {
  const name = localStorage.getItem(KEY);
  if (name) setTriggerValue('name', name);
}
