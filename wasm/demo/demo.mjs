// The page: its switches become the third argument of a call, and what comes
// back is shown.
import load from './digits/digits.mjs';
import {Pad, paintPixels} from './pad.mjs';
import {timelineOf} from './timeline.mjs';

const $ = (id) => document.getElementById(id);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

let digits = null;  // The module.
let stop = null;    // Aborts what grows; null: nothing does.
let hasForest = false;
let nExamples = 0;

// --- Growing ---------------------------------------------------------------

function say(text, kind = '') {
  $('message').textContent = text;
  $('message').className = `message ${kind}`;
}

// Grows a forest, its progress shown by `bar` and `time`.
async function grow(config, bar, time) {
  const trees = Number($('trees').value);
  bar.value = 0;
  bar.max = trees;
  time.textContent = '';
  const trained = await digits.call('train', {trees}, {
    ...config,
    signal: stop.signal,
    onProgress: ({done}) => {
      bar.value = done;
      time.textContent = `${done} trees`;
    },
    onWarning: ({message}) => say(message, 'warning'),
  });
  time.textContent = seconds(trained.milliseconds);
  return trained;
}

function show(one, all) {
  const accuracy = all.nRight / all.nHeldOut;
  const workers = new Set(all.worker).size;
  $('accuracy').textContent = `${(100 * accuracy).toFixed(1)} %`;
  $('accuracy-of').textContent =
      `${all.nRight} of ${all.nHeldOut} digits it has not seen`;
  $('speedup').textContent =
      `${(one.milliseconds / all.milliseconds).toFixed(2)} ×`;
  $('speedup-of').textContent = `over n_jobs=1, on ${plural(workers, 'worker')}`;
  $('same').textContent = one.digest === all.digest ? 'the same' : 'NOT the same';
  $('digest').textContent = `bit for bit: ${all.digest}`;
  $('timeline').replaceChildren(timelineOf(all));
}

async function growBoth() {
  stop = new AbortController();
  setBusy(true);
  say('');
  const config = {
    n_jobs: Number($('n_jobs').value),
    backend: $('backend').value,
  };
  $('label-all').replaceChildren(Object.assign(document.createElement('code'), {
    textContent: `n_jobs=${config.n_jobs}, ${config.backend}`,
  }));
  $('bar-all').value = 0;
  $('time-all').textContent = '';
  try {
    const one = await grow({n_jobs: 1}, $('bar-one'), $('time-one'));
    const all = await grow(config, $('bar-all'), $('time-all'));
    hasForest = true;
    show(one, all);
    await readPad(pad.pixels());
  } catch (error) {
    if (error.name === 'AbortError') {
      say('Stopped.');
    } else {
      say(`${error.name}: ${error.message}`, 'warning');
    }
  } finally {
    stop = null;
    setBusy(false);
  }
}

function setBusy(busy) {
  $('grow').disabled = busy;
  $('stop').disabled = !busy;
  $('example').disabled = busy || !hasForest;
  document.body.dataset.busy = busy;
}

// --- Reading what is drawn -------------------------------------------------

const bars = Array.from({length: 10}, (_, digit) => {
  const item = document.createElement('li');
  const name = document.createElement('span');
  const meter = document.createElement('meter');
  const count = document.createElement('span');
  name.textContent = digit;
  meter.setAttribute('aria-label', `votes for ${digit}`);
  item.append(name, meter, count);
  $('votes').append(item);
  return {item, meter, count};
});

let seen = null;

async function readPad(pixels, label) {
  seen = pixels;
  paintPixels($('seen'), seen);
  const canRead = pixels !== null && hasForest && stop === null;
  const votes = canRead ? await digits.call('votes', pixels) : null;
  const total = votes?.reduce((a, b) => a + b) ?? 1;
  const most = votes ? Math.max(...votes) : 0;
  bars.forEach(({item, meter, count}, digit) => {
    const n = votes?.[digit] ?? 0;
    meter.max = total;
    meter.value = n;
    count.textContent = votes ? `${Math.round(100 * n / total)} %` : '';
    item.classList.toggle('first', votes !== null && n === most);
  });
  if (votes === null) {
    $('reading').textContent = hasForest ?
        'Draw a digit: the trees vote on what it is.' :
        'Once the forest has grown, its trees vote on what you draw.';
    return;
  }
  const digit = votes.indexOf(most);
  $('reading').textContent = `A ${digit}, say ${most} of ${total} trees.` +
      (label === undefined ? '' : ` Its writer meant a ${label}.`);
}

const pad = new Pad($('pad'), (pixels) => readPad(pixels));

async function showExample() {
  // Steps that meet all of them, and neighbours that differ.
  const {label, pixels} = await digits.call('heldOut', nExamples++ * 101);
  pad.show(pixels);
  await readPad(pixels, label);
}

// --- Start -----------------------------------------------------------------

function offerJobs(cpuCount) {
  const counts = [-1, ...Array.from({length: cpuCount}, (_, i) => i + 1), 64];
  for (const n of counts) {
    const text = n === -1 ? `-1: all ${cpuCount}` : String(n);
    $('n_jobs').append(new Option(text, n));
  }
}

async function start() {
  // ?threads=false: the plain module where both could run.
  const asked = new URLSearchParams(location.search).get('threads');
  const options = asked === null ? {} : {threads: asked === 'true'};
  try {
    digits = await load(options);
  } catch (error) {
    $('module').textContent = error.message;
    $('module').classList.add('failed');
    return;
  }
  offerJobs(digits.cpuCount);
  $('module').textContent = digits.threads ?
      `The module with threads: ${plural(digits.cpuCount, 'worker')}` :
      'The module with one thread: this page is not cross-origin isolated';
  if (!digits.threads && self.crossOriginIsolated) {
    $('module').textContent = 'The module with one thread, as asked for';
  }
  $('module').classList.add('ready');
  $('form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (stop === null) growBoth();
  });
  $('stop').addEventListener('click', () => stop?.abort());
  $('clear').addEventListener('click', () => pad.clear());
  $('example').addEventListener('click', showExample);
  setBusy(false);
}

$('trees').addEventListener('input', () => {
  $('trees-out').value = $('trees').value;
});
matchMedia('(prefers-color-scheme: dark)')
    .addEventListener('change', () => {
      pad.redraw();
      paintPixels($('seen'), seen);
    });
readPad(null);
start();
