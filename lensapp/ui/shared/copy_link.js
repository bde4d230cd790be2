// Copies the address of the page, as it stands when the button is pressed.

const SHOWN = 2000; // ms for which the button says so

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement('textarea'); // without HTTPS browsers offer nothing else
  field.value = text;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

/** @param {{parentElement: HTMLElement | ShadowRoot}} component */
export default function copyLink({ parentElement }) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector('button'));
  const words = /** @type {HTMLElement} */ (button.querySelector('span'));
  let timer = 0;
  button.onclick = async () => {
    await copy(location.href);
    words.textContent = 'Copied';
    clearTimeout(timer);
    timer = window.setTimeout(() => { words.textContent = 'Copy link'; }, SHOWN);
  };
  return () => clearTimeout(timer);
}
