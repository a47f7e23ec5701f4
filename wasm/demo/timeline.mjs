// A picture of a forest's growth: a lane for each worker, a bar for each tree.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 1000;
const LEFT = 76;  // The lanes' names.
const RIGHT = 70;  // Their number of trees.
const LANE = 28;
const GAP = 8;
const AXIS = 30;
const PLOT = WIDTH - LEFT - RIGHT;
const SEAM_FROM = 3;  // Bars this wide show a seam between them.

function element(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    node.setAttribute(key, value);
  }
  if (text !== undefined) node.textContent = text;
  return node;
}

// 1, 2 or 5 times a power of ten, at most eight of them up to `end`.
function tickStep(end) {
  let step = 10 ** Math.floor(Math.log10(end / 8));
  for (const factor of [2, 2.5, 2]) {
    if (end / step <= 8) break;
    step *= factor;
  }
  return step;
}

// `worker`, `begin` and `end` (milliseconds) have a place for each tree.
export function timelineOf({worker, begin, end}) {
  const nTrees = worker.length;
  const nLanes = Math.max(...worker) + 1;
  const last = Math.max(...end, 1e-3);
  const height = nLanes * (LANE + GAP) + AXIS;
  const x = (ms) => LEFT + PLOT * ms / last;
  const top = (lane) => lane * (LANE + GAP);
  const svg = element('svg', {
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: 'img',
    'aria-label': `${nTrees} trees grown by ${nLanes} worker` +
        `${nLanes === 1 ? '' : 's'} in ${last.toFixed(0)} milliseconds`,
  });
  const bottom = top(nLanes);
  for (let ms = 0; ms <= last; ms += tickStep(last)) {
    const at = x(ms).toFixed(1);
    svg.append(element('line', {class: 'grid', x1: at, x2: at, y1: 0, y2: bottom}));
    svg.append(element(
        'text', {x: at, y: bottom + 16, 'text-anchor': 'middle'},
        `${+ms.toPrecision(6)} ms`));
  }
  for (let lane = 0; lane < nLanes; ++lane) {
    const middle = top(lane) + LANE / 2 + 4;
    const n = worker.reduce((sum, w) => sum + (w === lane ? 1 : 0), 0);
    svg.append(element('rect', {
      class: 'lane', x: LEFT, y: top(lane), width: PLOT, height: LANE, rx: 3,
    }));
    svg.append(element('text', {x: 0, y: middle}, `worker ${lane}`));
    svg.append(element(
        'text', {x: WIDTH, y: middle, 'text-anchor': 'end'}, `${n} trees`));
  }
  for (let i = 0; i < nTrees; ++i) {
    const width = x(end[i]) - x(begin[i]);
    const bar = element('rect', {
      class: 'bar',
      x: x(begin[i]).toFixed(2),
      y: top(worker[i]) + 2,
      width: Math.max(width - (width >= SEAM_FROM ? 1 : 0), 0.4).toFixed(2),
      height: LANE - 4,
      rx: width >= SEAM_FROM ? 1.5 : 0,
      // From blue for the first tree to red for the last.
      fill: `hsl(${(212 + 140 * i / nTrees).toFixed(0)} 58% 56%)`,
    });
    bar.append(element(
        'title', {},
        `tree ${i}: ${begin[i].toFixed(1)} to ${end[i].toFixed(1)} ms`));
    svg.append(bar);
  }
  return svg;
}
