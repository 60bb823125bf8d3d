// Pictures with skeletons on canvases: decoded beside the page, drawn once a frame of the screen.

import { done, listen } from "./live.js";
import { trackColour, trackNumber } from "./colours.js";

const screens = new Map(); // camera -> Set of Screen
const dirty = new Set();
let limbs = [];
let isScheduled = false;

/** How many pictures were drawn, for whoever measures. */
export const drawing = { pictures: 0, perSecond: 0 };

export function useLimbs(pairs) {
  limbs = pairs;
}

/** A canvas that shows a camera. `hue`: where its tracks' colours begin. */
export class Screen {
  constructor(canvas, camera, hue) {
    Object.assign(this, { canvas, camera, hue, picture: null, bitmap: null });
    Object.assign(this, { showsPeople: true, isClosed: false });
    this.context = canvas.getContext("2d", { alpha: false });
    this.sizes = new ResizeObserver(() => this.redraw());
    this.sizes.observe(canvas);
    if (!screens.has(camera)) screens.set(camera, new Set());
    screens.get(camera).add(this);
  }

  close() {
    this.isClosed = true;
    this.sizes.disconnect();
    const same = screens.get(this.camera);
    same?.delete(this);
    if (same?.size === 0) screens.delete(this.camera);
    this.forget();
  }

  /** Show nothing until the next picture. */
  forget() {
    this.bitmap?.close();
    Object.assign(this, { bitmap: null, picture: null });
    dirty.delete(this);
    delete this.canvas.dataset.seq;
  }

  /** Show a picture, unless a newer one is shown already: they are decoded side by side. */
  show(picture, bitmap) {
    const { session, seq } = this.picture ?? { session: -1, seq: -1 };
    const isOlder = picture.session < session || (picture.session === session && picture.seq < seq);
    if (this.isClosed || isOlder) {
      bitmap.close();
      return;
    }
    this.bitmap?.close();
    Object.assign(this, { picture, bitmap });
    this.redraw();
  }

  redraw() {
    if (this.bitmap === null) return;
    dirty.add(this);
    if (!isScheduled) {
      isScheduled = true;
      requestAnimationFrame(drawAll);
    }
  }
}

listen("picture", async (picture) => {
  const same = screens.get(picture.camera);
  if (!same) {
    done(1);
    return;
  }
  try {
    for (const screen of same) screen.show(picture, await createImageBitmap(picture.jpeg));
  } catch {
    // A picture that can't be decoded is left out; the next one comes.
  }
  done(1);
});

function drawAll() {
  isScheduled = false;
  for (const screen of dirty) draw(screen);
  drawing.pictures += dirty.size;
  dirty.clear();
}

let before = 0;
setInterval(() => {
  drawing.perSecond = drawing.pictures - before;
  before = drawing.pictures;
}, 1000);

function draw(screen) {
  const { canvas, context, picture, bitmap } = screen;
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (width === 0 || height === 0) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const scale = Math.min(width / picture.width, height / picture.height);
  const left = (width - scale * picture.width) / 2;
  const top = (height - scale * picture.height) / 2;
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, scale * picture.width, scale * picture.height);
  const [scaleX, scaleY, placeX, placeY] = picture.placement;
  const place = {
    x: (x) => left + ((x + 0.5 - placeX) / scaleX) * scale,
    y: (y) => top + ((y + 0.5 - placeY) / scaleY) * scale,
  };
  if (picture.people && screen.showsPeople) {
    for (const person of picture.people) drawPerson(context, person, place, screen.hue, ratio);
    for (const person of picture.people) drawLabel(context, person, place, screen.hue, ratio);
  }
  canvas.dataset.seq = `${picture.session}/${picture.seq}`;
  canvas.dataset.people = picture.people ? picture.people.length : "";
}

function drawPerson(context, person, place, hue, ratio) {
  const colour = person.track ? trackColour(person.track, hue) : "#fff";
  const tall = place.y(person.box[3]) - place.y(0);
  const unit = Math.max(1, Math.min(2.4 * ratio, tall / 40));
  const path = new Path2D();
  for (const [from, to] of limbs) {
    const a = person.keypoints[from];
    const b = person.keypoints[to];
    if (a[2] > 0 && b[2] > 0) {
      path.moveTo(place.x(a[0]), place.y(a[1]));
      path.lineTo(place.x(b[0]), place.y(b[1]));
    }
  }
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = "rgb(10 12 16 / 0.75)";
  context.lineWidth = unit + 2 * ratio;
  context.stroke(path);
  context.strokeStyle = colour;
  context.lineWidth = unit;
  context.stroke(path);
  context.fillStyle = colour;
  for (const [x, y, score] of person.keypoints) {
    if (score <= 0) continue;
    context.beginPath();
    context.arc(place.x(x), place.y(y), 0.95 * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawLabel(context, person, place, hue, ratio) {
  if (!person.track) return;
  const text = trackNumber(person.track);
  const size = 11 * ratio;
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 0.9 * size;
  const height = 1.35 * size;
  const middle = place.x(person.box[0] + person.box[2] / 2);
  const x = Math.max(0, Math.min(middle - width / 2, context.canvas.width - width));
  const y = Math.max(0, place.y(person.box[1]) - height - 2 * ratio);
  context.fillStyle = trackColour(person.track, hue);
  context.beginPath();
  context.roundRect(x, y, width, height, 0.35 * size);
  context.fill();
  context.fillStyle = "#0b0e13";
  context.textBaseline = "middle";
  context.fillText(text, x + 0.45 * size, y + height / 2 + 0.5 * ratio);
}
