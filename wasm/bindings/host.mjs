// The Web Worker that holds the module, so that the page's own thread is free
// whatever the module does. Messages from the page (loader.mjs):
//   {load: {threads, cpuCount}}         answered by {loaded} or {loadFailed}
//   {call: id, name, args, config, ask} answered by {settled} or {failed}
//   {stop: id}                          the page has aborted the call
// and of its own accord {progress}, {warning}, {died}.
import {explain, explainResponse, isScript, isWasm} from './explain.mjs';

let module = null;
// id -> a blob's address that the page revokes to abort the call. Where the
// module runs on this very thread no message arrives meanwhile, but that shows.
const askAddresses = new Map();
let canAsk = null;  // Not known yet.

// Whether the blob is still there. Only workers may wait like that.
function isThere(address) {
  const request = new XMLHttpRequest();
  request.open('GET', address, /*async=*/ false);
  try {
    request.send();
    return true;
  } catch {
    return false;
  }
}

// A content security policy may forbid to fetch any blob: then none is there.
function mayAsk(id) {
  if (canAsk !== null) return canAsk;
  const address = URL.createObjectURL(new Blob());
  canAsk = isThere(address);
  URL.revokeObjectURL(address);
  if (!canAsk) {
    postMessage({
      warning: id,
      category: 'UserWarning',
      message: 'joblib: an abort is heard after the running call only; ' +
          'the content security policy of this page needs connect-src blob:',
    });
  }
  return canAsk;
}

// Of typed arrays in a result, moved to the page without a copy.
function buffersOf(value, found = []) {
  if (ArrayBuffer.isView(value)) {
    found.push(value.buffer);
  } else if (value !== null && typeof value === 'object') {
    for (const part of Object.values(value)) buffersOf(part, found);
  }
  return found;
}

// What the module's C++ calls (calls.cc). Nothing of it may throw.
const host = {
  settled(id, value) {
    askAddresses.delete(id);
    postMessage(
        {settled: id, value, memoryBytes: module.HEAP8.length},
        buffersOf(value));
  },
  failed(id, name, message) {
    askAddresses.delete(id);
    postMessage(
        {failed: id, name, message, memoryBytes: module.HEAP8.length});
  },
  progress(id, done, total) {
    postMessage({progress: id, done, total});
  },
  warning(id, category, message) {
    postMessage({warning: id, category, message});
  },
  isAborted(id) {
    const address = askAddresses.get(id);
    return address !== undefined && mayAsk(id) && !isThere(address);
  },
};

async function compile(url, imports) {
  const response = await fetch(url);
  const problem = explainResponse(response, isWasm, 'application/wasm');
  if (problem !== null) throw new Error(problem);
  try {
    return await WebAssembly.instantiateStreaming(response, imports);
  } catch (error) {
    if (/Content Security Policy|unsafe-eval/i.test(error.message)) {
      throw new Error(
          `the content security policy forbids WebAssembly: script-src ` +
          `needs 'wasm-unsafe-eval' (${error.message})`);
    }
    throw error;
  }
}

async function load({threads, cpuCount}) {
  const folder = new URL(threads ? './threads/' : './plain/', import.meta.url);
  const script = new URL('module.mjs', folder).href;
  let create;
  try {
    create = (await import(script)).default;
  } catch (error) {
    throw new Error(
        await explain(script, isScript, 'text/javascript') ??
        `${script}: ${error.message}`);
  }
  module = await new Promise((resolve, reject) => {
    const options = {
      host,
      cpuCount,
      // One for the thread that runs the calls, see coordinator.h.
      poolSize: cpuCount + 1,
      onAbort: (what) => postMessage({died: `aborted: ${what}`}),
      instantiateWasm(imports, receive) {
        compile(new URL('module.wasm', folder).href, imports)
            .then(({instance, module}) => receive(instance, module))
            .catch(reject);
        return {};
      },
    };
    // Not async itself: throws where there is no memory.
    Promise.resolve(options).then(create).then(resolve, reject);
  });
}

function inWords(error) {
  if (error instanceof RangeError) {
    return `not enough memory for the module (${error.message})`;
  }
  return error.message ?? String(error);
}

// Of a thread of the module's, whose error event Emscripten throws on.
addEventListener('error', (event) => {
  event.preventDefault();
  postMessage({died: inWords(event.error ?? event)});
});

onmessage = async ({data}) => {
  if ('load' in data) {
    try {
      await load(data.load);
    } catch (error) {
      return postMessage({loadFailed: inWords(error)});
    }
    return postMessage({loaded: true, memoryBytes: module.HEAP8.length});
  }
  if ('stop' in data) return module.requestStop(data.stop);
  if (data.ask !== undefined) askAddresses.set(data.call, data.ask);
  try {
    module.start(data.call, data.name, data.args, data.config);
  } catch (error) {  // Of WebAssembly itself: a trap.
    postMessage({died: inWords(error)});
  }
};
