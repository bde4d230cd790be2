// Everything that comes over HTTP, and the few pages of it that are kept.

import { parseRaw } from "./stretch.js";

const KEPT_PIXELS = 48e6; // what the kept pictures and pixels may hold together

/** An HTTP answer that is not a success. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Keeps the newest answers up to a weight; a finished one can be taken without waiting. */
class Kept {
  constructor(limit) {
    this.limit = limit;
    this.weight = 0;
    this.entries = new Map();
  }

  fetch(key, load) {
    let entry = this.entries.get(key);
    if (entry) this.entries.delete(key);
    else entry = this.start(key, load);
    this.entries.set(key, entry);
    return entry.promise;
  }

  start(key, load) {
    const entry = { value: null, weight: 0 };
    entry.promise = load().then(
      (value) => this.finish(key, entry, value),
      (error) => { if (this.entries.get(key) === entry) this.entries.delete(key); throw error; },
    );
    entry.promise.catch(() => {}); // a prefetch nobody waits for
    return entry;
  }

  finish(key, entry, value) {
    entry.value = value;
    entry.weight = value.weight;
    this.weight += value.weight;
    for (const [oldest, other] of this.entries) {
      if (this.weight <= this.limit || oldest === key) break;
      if (other.value) this.drop(oldest, other);
    }
    return value;
  }

  /** Return the finished value, or null. */
  peek(key) {
    return this.entries.get(key)?.value ?? null;
  }

  drop(key, entry) {
    this.entries.delete(key);
    this.weight -= entry.weight;
    entry.value.bitmap?.close();
  }
}

/** The routes of one review, spoken to with one token. */
export class Remote {
  constructor(data) {
    this.renew(data);
    this.kept = new Kept(KEPT_PIXELS);
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
    return this.ids('queue');
  }

  /** The ids that need no more votes. */
  async retired() {
    return this.ids('retired');
  }

  async ids(path) {
    const halves = new Uint32Array(await (await this.get(path)).arrayBuffer());
    const ids = new Float64Array(halves.length / 2);
    for (let place = 0; place < ids.length; place++) ids[place] = halves[2 * place] + 2 ** 32 * halves[2 * place + 1];
    return ids;
  }

  async votes() {
    return (await this.get('labels')).json();
  }

  async candidates(ids, { scores, known }) {
    return (await this.get(`candidates?ids=${ids.join('-')}${scores ? '&scores=1' : ''}${known ? '&known=1' : ''}`)).json();
  }

  /** How and where this inspector looked last, on any machine. */
  async view() {
    return (await this.get('view')).json();
  }

  async saveView(view) {
    return this.send('view', view, { keepalive: true });
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
      const weight = bitmap.width * bitmap.height;
      return { bitmap, columns, weight, width: bitmap.width / columns, height: bitmap.height / rows };
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
    return this.send('labels', { client, ops }, { keepalive });
  }

  /** Make a review of the candidates most alike one. */
  async alike(id) {
    return this.send('alike', { id }, { keepalive: false });
  }

  async send(path, body, { keepalive }) {
    const response = await fetch(`${this.api}/${path}`, {
      method: 'POST',
      keepalive,
      headers: { 'content-type': 'application/json', 'x-token': this.token },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw await refusal(response);
    return response.json();
  }
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  return new Refused(response.status, answer.error || `The server answered ${response.status}.`);
}
