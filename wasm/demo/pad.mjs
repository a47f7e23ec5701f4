// The drawing pad: strokes of a pointer, and what a scanner of 1998 would have
// made of them.

const BITMAP = 32;  // The digits were bitmaps of 32 x 32, made greyer by 4 x 4.
const BLOCK = 4;
const SIDE = BITMAP / BLOCK;
// Of a pen in such a bitmap. Of ten digits drawn with a mouse, the forest reads
// all with 5 to 6, eight or nine with a thinner one.
const PEN = 5.2;
const PAD_PEN = 0.07;  // Of the pad's width.

export class Pad {
  #canvas;
  #strokes = [];
  #shown = null;  // Greys instead of strokes.
  #onChange;

  // `onChange` is called with 64 greys from 0 to 16, null for an empty pad.
  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#shown = null;
      this.#strokes.push([this.#place(event)]);
      this.#draw();
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        this.#strokes.at(-1).push(this.#place(one));
      }
      this.#draw();
    });
    canvas.addEventListener('pointerup', (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      canvas.releasePointerCapture(event.pointerId);
      this.#onChange(this.pixels());
    });
    canvas.addEventListener('pointercancel', () => this.clear());
  }

  clear() {
    this.show(null);
    this.#onChange(null);
  }

  // Shows 64 greys instead of strokes; null: nothing.
  show(pixels) {
    this.#strokes = [];
    this.#shown = pixels;
    this.redraw();
  }

  // In the colours of the page as they are now.
  redraw() {
    if (this.#shown !== null) {
      paintPixels(this.#canvas, this.#shown);
    } else {
      this.#draw();
    }
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [
      (event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height,
    ];
  }

  #draw() {
    const {width, height} = this.#canvas;
    const context = this.#canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    const colour = getComputedStyle(this.#canvas).color;
    trace(context, this.#strokes, colour, PAD_PEN * width,
          ([x, y]) => [x * width, y * height]);
  }

  // What the pad shows, as 64 greys: the strokes, as large as fits, in the
  // middle of a bitmap, counted. Null: nothing.
  pixels() {
    if (this.#shown !== null) return this.#shown;
    const points = this.#strokes.flat();
    if (points.length === 0) return null;
    const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
    const left = Math.min(...xs), right = Math.max(...xs);
    const top = Math.min(...ys), bottom = Math.max(...ys);
    const room = BITMAP - PEN;
    const scale = room / Math.max(right - left, bottom - top, 0.1);
    const middle = BITMAP / 2;
    const place = ([x, y]) => [
      middle + (x - (left + right) / 2) * scale,
      middle + (y - (top + bottom) / 2) * scale,
    ];
    const bitmap = new OffscreenCanvas(BITMAP, BITMAP);
    const context = bitmap.getContext('2d');
    trace(context, this.#strokes, 'black', PEN, place);
    const {data} = context.getImageData(0, 0, BITMAP, BITMAP);
    const pixels = new Uint8Array(SIDE * SIDE);
    for (let y = 0; y < BITMAP; ++y) {
      for (let x = 0; x < BITMAP; ++x) {
        const block = Math.floor(y / BLOCK) * SIDE + Math.floor(x / BLOCK);
        if (data[4 * (y * BITMAP + x) + 3] > 127) ++pixels[block];
      }
    }
    return pixels;
  }
}

function trace(context, strokes, colour, pen, place) {
  context.strokeStyle = colour;
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...place(stroke[0]));
    for (const point of stroke) context.lineTo(...place(point));
    context.stroke();
  }
}

// 64 greys, 0 to 16, over the whole of a canvas, in its text colour.
export function paintPixels(canvas, pixels) {
  const context = canvas.getContext('2d');
  const step = canvas.width / SIDE;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = getComputedStyle(canvas).color;
  (pixels ?? []).forEach((grey, i) => {
    context.globalAlpha = grey / 16;
    context.fillRect(i % SIDE * step, Math.floor(i / SIDE) * step, step, step);
  });
  context.globalAlpha = 1;
}
