// Plotly, loaded once for all figures of the page.

let loading = null, fetched = false;

/** Fetches the script before it is needed, without reading it; once, however many pages ask. */
export function fetchPlotly(address) {
  if (fetched) return;
  fetched = true;
  const link = document.createElement('link');
  Object.assign(link, { rel: 'preload', as: 'script', href: new URL(address, document.baseURI).href });
  document.head.append(link);
}

/** A load that failed is tried again. */
export function loadPlotly(address) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = new URL(address, document.baseURI).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error('The server does not answer. Try again when it is back.'));
    };
    document.head.append(script);
  });
  return loading;
}
