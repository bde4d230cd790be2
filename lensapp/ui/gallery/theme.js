// Has the page drawn again when the theme is switched: figures and pictures carry their colours with them.

let told = null; // a theme is told once, whatever the page makes of it

export default function follow({ data, setTriggerValue }) {
  const app = document.querySelector('.stApp');
  if (!app) return undefined;

  const compare = () => {
    const seen = getComputedStyle(app).colorScheme.includes('light') ? 'light' : 'dark';
    document.documentElement.style.colorScheme = seen; // dialogs and popovers stand outside the app
    if (seen === data.theme) {
      told = null;
    } else if (seen !== told) {
      told = seen;
      setTriggerValue('theme', seen);
    }
  };

  const observer = new MutationObserver(compare); // Streamlit writes a theme as a class of its own
  observer.observe(app, { attributes: true, attributeFilter: ['class', 'style'] });
  compare();
  return () => observer.disconnect();
}
