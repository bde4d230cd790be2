// Browsers start no worker of a page that is opened as a file. The search's worker runs in a hidden frame instead.
class FrameWorker extends EventTarget {
  /** @param {string | URL} script address of the worker's script */
  constructor(script) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.append(this.frame);
    const inside = this.frame.contentWindow;
    inside.postMessage = (data) => {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    };
    inside.importScripts = (...addresses) => addresses.reduce((before, address) => before.then(() => load(inside, address)), Promise.resolve());
    this.ready = load(inside, script);
  }

  /** @param {unknown} data what the worker receives */
  postMessage(data) {
    this.ready.then(() => {
      const inside = this.frame.contentWindow;
      const event = new inside.MessageEvent("message", { data: structuredClone(data) });
      inside.dispatchEvent(event);
    });
  }

  /** Take the frame away. */
  terminate() {
    this.frame.remove();
  }
}

/**
 * @param {Window} inside window that runs the script
 * @param {string | URL} address
 * @returns {Promise<Event>} settled once the script has run
 */
function load(inside, address) {
  return new Promise((resolve, reject) => {
    const element = inside.document.createElement("script");
    element.src = new URL(address, location.href).href;
    element.onload = resolve;
    element.onerror = reject;
    inside.document.body.append(element);
  });
}

if (location.protocol === "file:") window.Worker = FrameWorker;
