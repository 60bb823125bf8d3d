// The one socket: figures of all cameras, pictures with poses of those in view.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const LOGGED_OUT = 4401;

const texts = new TextDecoder();
const listeners = { picture: new Set(), overview: new Set(), state: new Set() };
let socket = null;
let waitMs = FIRST_WAIT_MS;
let wanted = [];
let isOn = false;
let drawn = 0;
let timer = 0;

/** What is known now: of all cameras, and whether the server and the dashboard answer. */
export const known = { overview: null, state: "connecting", problem: "" };

/** Call `listener` for each `kind` ("picture", "overview", "state"); gives what ends that. */
export function listen(kind, listener) {
  listeners[kind].add(listener);
  return () => listeners[kind].delete(listener);
}

export function start() {
  isOn = true;
  if (socket === null) open();
}

export function stop() {
  isOn = false;
  clearTimeout(timer);
  socket?.close();
}

/** Get pictures of these cameras and no others, while the page can be seen. */
export function watch(cameras) {
  wanted = cameras;
  tellWanted();
}

/** Say that so many pictures came to the screen, or will never: others may follow. */
export function done(count) {
  drawn += count;
  if (drawn > 0 && socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ drawn }));
    drawn = 0;
  }
}

function open() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const path = location.pathname.replace(/[^/]*$/, "");
  socket = new WebSocket(`${scheme}//${location.host}${path}api/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    drawn = 0;
    tellWanted();
  };
  socket.onmessage = (event) => take(event.data);
  socket.onclose = (event) => closed(event.code);
}

function closed(code) {
  socket = null;
  if (code === LOGGED_OUT) {
    isOn = false;
    document.dispatchEvent(new CustomEvent("logged-out"));
    return;
  }
  change(isOn ? "gone" : "off");
  if (!isOn) return;
  timer = setTimeout(open, waitMs * (0.5 + Math.random() / 2));
  waitMs = Math.min(LONGEST_WAIT_MS, 2 * waitMs);
}

function tellWanted() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ watch: document.hidden ? [] : wanted.slice(0, 64) }));
}

document.addEventListener("visibilitychange", tellWanted);

function take(data) {
  waitMs = FIRST_WAIT_MS;
  if (typeof data === "string") {
    takeText(JSON.parse(data));
    return;
  }
  const picture = unpack(data);
  if (document.hidden || listeners.picture.size === 0) {
    done(1);
    return;
  }
  for (const listener of listeners.picture) listener(picture);
}

function takeText(message) {
  if (message.kind === "away") {
    change("away", message.problem);
    return;
  }
  known.overview = message;
  change("on");
  for (const listener of listeners.overview) listener(message);
}

function change(state, problem = "") {
  if (state === known.state && problem === known.problem) return;
  Object.assign(known, { state, problem });
  for (const listener of listeners.state) listener(known);
}

function unpack(buffer) {
  const view = new DataView(buffer);
  const aboutEnd = 4 + view.getUint32(0, true);
  const poseEnd = aboutEnd + 4 + view.getUint32(aboutEnd, true);
  const text = (from, to) => texts.decode(new Uint8Array(buffer, from, to - from));
  const picture = JSON.parse(text(4, aboutEnd));
  picture.people = poseEnd > aboutEnd + 4 ? JSON.parse(text(aboutEnd + 4, poseEnd)).people : null;
  picture.jpeg = new Blob([new Uint8Array(buffer, poseEnd)], { type: "image/jpeg" });
  return picture;
}
