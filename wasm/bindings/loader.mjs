// Loads the module of this folder: see the .d.mts beside it.
import {explain, isScript} from './explain.mjs';

const LOAD_OPTIONS = ['threads', 'cpuCount'];

const isIsolated = () =>
    globalThis.crossOriginIsolated === true &&
    typeof SharedArrayBuffer === 'function';

// At the next frame, or soon where there are none (in a worker).
const atNextFrame = (f) =>
    globalThis.requestAnimationFrame ? requestAnimationFrame(f) :
                                       setTimeout(f, 16);

function checkedLoadOptions(options) {
  for (const key of Object.keys(options)) {
    if (!LOAD_OPTIONS.includes(key)) {
      throw new TypeError(
          `load has no option '${key}'; there are: ${LOAD_OPTIONS.join(', ')}`);
    }
  }
  const threads = options.threads ?? isIsolated();
  if (threads && !isIsolated()) {
    throw new Error(
        'threads need a cross-origin isolated page: serve it with the ' +
        'headers Cross-Origin-Opener-Policy: same-origin and ' +
        'Cross-Origin-Embedder-Policy: require-corp');
  }
  const cpuCount =
      threads ? options.cpuCount ?? navigator.hardwareConcurrency ?? 1 : 1;
  if (!Number.isInteger(cpuCount) || cpuCount < 1) {
    throw new RangeError(`cpuCount is ${cpuCount}, not a whole number from 1`);
  }
  return {threads, cpuCount};
}

// What a call waits for, on the page's side.
class Call {
  constructor(resolve, reject, {onProgress, onWarning, signal}) {
    Object.assign(this, {resolve, reject, onProgress, onWarning, signal});
  }
  // At most once a frame, with the latest.
  progress(done, total) {
    if (!this.onProgress) return;
    const waits = this.latest !== undefined;
    this.latest = {done, total};
    if (!waits) atNextFrame(() => this.tellProgress());
  }
  tellProgress() {
    if (this.latest === undefined) return;  // Told meanwhile.
    const latest = this.latest;
    this.latest = undefined;
    this.onProgress(latest);
  }
  warning(category, message) {
    if (this.onWarning) {
      this.onWarning({category, message});
    } else {
      console.warn(`${category}: ${message}`);
    }
  }
  end(settle) {
    if (this.ask !== undefined) URL.revokeObjectURL(this.ask);
    this.signal?.removeEventListener('abort', this.onAbort);
    try {
      this.tellProgress();
    } finally {
      settle();
    }
  }
}

function checkedCallOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`a call's options are ${options}, not an object`);
  }
  for (const key of ['onProgress', 'onWarning']) {
    if (options[key] !== undefined && typeof options[key] !== 'function') {
      throw new TypeError(`${key} is ${options[key]}, not a function`);
    }
  }
  const {signal} = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal is ${signal}, not an AbortSignal`);
  }
  const {onProgress, onWarning, signal: _, ...config} = options;
  return {page: {onProgress, onWarning, signal}, config};
}

class Module {
  #worker;
  #calls = new Map();
  #lastId = 0;
  #end = null;  // The words of why no call can be made any more.

  constructor(worker, {threads, cpuCount}, memoryBytes) {
    this.#worker = worker;
    this.threads = threads;
    this.cpuCount = cpuCount;
    this.memoryBytes = memoryBytes;
    worker.onmessage = ({data}) => this.#receive(data);
    worker.onerror = (event) => this.#die(event.message);
  }

  async call(name, args, options = {}) {
    const {page, config} = checkedCallOptions(options);
    page.signal?.throwIfAborted();
    if (this.#end !== null) throw new Error(this.#end);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const call = new Call(resolve, reject, page);
      if (page.signal && !this.threads) {
        call.ask = URL.createObjectURL(new Blob());
      }
      try {
        this.#worker.postMessage(
            {call: id, name: String(name), args, config, ask: call.ask});
      } catch (error) {  // What can't be cloned: a function, a DOM node.
        return call.end(() => reject(error));
      }
      this.#calls.set(id, call);
      call.onAbort = () => {
        if (call.ask !== undefined) URL.revokeObjectURL(call.ask);
        this.#worker.postMessage({stop: id});
      };
      page.signal?.addEventListener('abort', call.onAbort);
    });
  }

  close() {
    this.#finish('this module is closed: load() another one');
  }

  #receive(data) {
    if ('died' in data) return this.#die(data.died);
    if (data.memoryBytes !== undefined) this.memoryBytes = data.memoryBytes;
    if ('progress' in data) {
      this.#calls.get(data.progress)?.progress(data.done, data.total);
    } else if ('warning' in data) {
      const call = this.#calls.get(data.warning) ?? new Call(null, null, {});
      call.warning(data.category, data.message);
    } else if ('settled' in data) {
      this.#take(data.settled, (call) => call.resolve(data.value));
    } else if ('failed' in data) {
      this.#take(data.failed, (call) => call.reject(this.#error(call, data)));
    }
  }

  #take(id, settle) {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    call.end(() => settle(call));
  }

  #error(call, {name, message}) {
    if (name === 'joblib::CancelledError' && call.signal?.aborted) {
      return call.signal.reason;
    }
    return Object.assign(new Error(message), {name});
  }

  #die(what) {
    this.#finish(
        `the WebAssembly module has ended (${what}): load() another one`);
  }

  #finish(why) {
    this.#end ??= why;
    this.#worker.terminate();
    for (const id of [...this.#calls.keys()]) {
      this.#take(id, (call) => call.reject(new Error(this.#end)));
    }
  }
}

export default async function load(options = {}) {
  const chosen = checkedLoadOptions(options);
  const worker =
      new Worker(new URL('./host.mjs', import.meta.url), {type: 'module'});
  try {
    const memoryBytes = await new Promise((resolve, reject) => {
      worker.onmessage = ({data}) => {
        if ('loaded' in data) resolve(data.memoryBytes);
        if ('loadFailed' in data) reject(new Error(data.loadFailed));
        if ('died' in data) reject(new Error(data.died));
      };
      worker.onerror = async (event) => {
        const host = new URL('./host.mjs', import.meta.url).href;
        reject(new Error(
            await explain(host, isScript, 'text/javascript') ??
            `${host} did not start: ` +
                (event.message ??
                 'the content security policy (worker-src, script-src) or ' +
                     'the file\'s own headers forbid it')));
      };
      worker.postMessage({load: chosen});
    });
    return new Module(worker, chosen, memoryBytes);
  } catch (error) {
    worker.terminate();
    throw new Error(`the WebAssembly module was not loaded: ${error.message}`);
  }
}
