// Everything that comes over HTTP, and the few pages of it that are kept.

import { parseRaw } from "./stretch.js";

const KEPT_ANSWERS = 14;

/** An HTTP answer that is not a success. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Keeps the newest answers; a finished one can be taken without waiting. */
class Kept {
  constructor(limit) {
    this.limit = limit;
    this.entries = new Map();
  }

  fetch(key, load) {
    let entry = this.entries.get(key);
    if (entry) this.entries.delete(key);
    else entry = this.start(key, load);
    this.entries.set(key, entry);
    while (this.entries.size > this.limit) this.drop(this.entries.keys().next().value);
    return entry.promise;
  }

  start(key, load) {
    const entry = { value: null };
    entry.promise = load().then(
      (value) => { entry.value = value; return value; },
      (error) => { if (this.entries.get(key) === entry) this.entries.delete(key); throw error; },
    );
    entry.promise.catch(() => {}); // a prefetch nobody waits for
    return entry;
  }

  /** Return the finished value, or null. */
  peek(key) {
    return this.entries.get(key)?.value ?? null;
  }

  drop(key) {
    const entry = this.entries.get(key);
    this.entries.delete(key);
    entry.promise.then((value) => value?.bitmap?.close(), () => {});
  }

  clear() {
    for (const key of [...this.entries.keys()]) this.drop(key);
  }
}

/** The routes of one review, spoken to with one token. */
export class Remote {
  constructor(data) {
    this.renew(data);
    this.kept = new Kept(KEPT_ANSWERS);
  }

  renew(data) {
    this.api = data.api;
    this.token = data.token;
    this.key = data.picture_key;
  }

  async get(path) {
    const response = await fetch(`${this.api}/${path}`, { headers: { 'x-token': this.token } });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** All cutout ids in order. */
  async queue() {
    const ids = new BigInt64Array(await (await this.get('queue')).arrayBuffer());
    return Float64Array.from(ids, Number);
  }

  async votes() {
    return (await this.get('labels')).json();
  }

  async candidates(ids, { scores }) {
    return (await this.get(`candidates?ids=${ids.join('-')}${scores ? '&scores=1' : ''}`)).json();
  }

  sheetPath(ids, size, display) {
    const { stretch, rgb, black, softening, white, percentile } = display;
    const shown = new URLSearchParams({ stretch, rgb: rgb.join(','), black, softening, white, percentile });
    return `sheet?ids=${ids.join('-')}&size=${size}&key=${this.key}&${shown}`;
  }

  rawPath(ids, size) {
    return `raw?ids=${ids.join('-')}&size=${size}&key=${this.key}`;
  }

  /** Fetch pictures: {bitmap, columns, width, height}. */
  sheet(path, count) {
    return this.kept.fetch(path, async () => {
      const bitmap = await createImageBitmap(await (await this.get(path)).blob());
      const columns = Math.ceil(Math.sqrt(count));
      const rows = Math.ceil(count / columns);
      return { bitmap, columns, width: bitmap.width / columns, height: bitmap.height / rows };
    });
  }

  /** Fetch pixels, ready to be painted. */
  raw(path) {
    return this.kept.fetch(path, async () => parseRaw(await (await this.get(path)).arrayBuffer()));
  }

  peek(path) {
    return this.kept.peek(path);
  }

  /** Send votes; `keepalive` lets the request outlive the page. */
  async post(client, ops, { keepalive }) {
    const response = await fetch(`${this.api}/labels`, {
      method: 'POST',
      keepalive,
      headers: { 'content-type': 'application/json', 'x-token': this.token },
      body: JSON.stringify({ client, ops }),
    });
    if (!response.ok) throw await refusal(response);
    return response.json();
  }
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  return new Refused(response.status, answer.error || `The server answered ${response.status}.`);
}
