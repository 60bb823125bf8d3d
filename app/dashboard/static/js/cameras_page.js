// All cameras: live pictures with skeletons, and of each what an operator has to know.

import { addCamera } from "./camera_form.js";
import { Screen } from "./draw.js";
import { doing, h, say } from "./dom.js";
import { ago, duration, milliseconds, people, percent, rate } from "./format.js";
import { known, listen, watch } from "./live.js";

const HEALTHS = ["live", "late", "lost", "paused", "ended"];
const ORDER = { lost: 0, late: 1, live: 2, paused: 3, ended: 4 };
const SIZES = ["auto", "small", "medium", "large"];
/** A camera keeps its place until it has been as it is for so long: what wavers moves nothing. */
const SETTLED_S = 6;
const ORDERS = { problems: "Problems first", name: "By name" };
const kept = (what, values, usual) => (values.includes(localStorage.getItem(what)) ? localStorage.getItem(what) : usual);
const chosen = { health: "", words: "", size: kept("size", SIZES, "auto"), order: kept("order", Object.keys(ORDERS), "problems") };

export function openCameras(main, me) {
  const grid = h("ul", { class: "grid", "data-size": chosen.size });
  const tiles = new Map();
  const seen = new Set();
  const view = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target.dataset.camera);
        else seen.delete(target.dataset.camera);
      }
      watch([...seen]);
    },
    { rootMargin: "80px" },
  );
  const empty = h("p", { class: "empty", hidden: true });
  const filters = filterBar(me, grid, () => refresh());
  main.append(h("h1", { class: "hidden" }, "Cameras"), filters.element, grid, empty);

  function refresh() {
    const { cameras, at } = known.overview ?? { cameras: [], at: 0 };
    const names = new Set(cameras.map((camera) => camera.name));
    for (const [name, tile] of tiles) if (!names.has(name)) drop(name, tile);
    for (const camera of cameras) {
      if (!tiles.has(camera.name)) add(camera);
      tiles.get(camera.name).update(camera, at);
    }
    filters.count(cameras);
    arrange(cameras);
    grid.dataset.columns = columnsFor(cameras.filter(isChosen).length);
    grid.style.setProperty("--aspect", commonAspect(cameras));
    empty.hidden = known.overview === null || cameras.length > 0;
    say(empty, me.role === "admin" ? "There is no camera yet: add one." : "There is no camera yet.");
  }

  function add(camera) {
    const tile = new Tile(camera);
    tiles.set(camera.name, tile);
    view.observe(tile.element);
  }

  function drop(name, tile) {
    view.unobserve(tile.element);
    tile.close();
    tiles.delete(name);
    if (seen.delete(name)) watch([...seen]);
  }

  function arrange(cameras) {
    let last = null;
    for (const camera of [...cameras].sort(before)) {
      const { element } = tiles.get(camera.name);
      element.hidden = !isChosen(camera);
      const place = last ? last.nextSibling : grid.firstChild;
      if (place !== element) moveBefore(grid, element, place);
      last = element;
    }
  }

  function before(a, b) {
    const byName = a.name.localeCompare(b.name, undefined, { numeric: true });
    return chosen.order === "name" ? byName : tiles.get(a.name).rank - tiles.get(b.name).rank || byName;
  }

  const ends = [listen("overview", refresh)];
  refresh();
  return () => {
    ends.forEach((end) => end());
    view.disconnect();
    for (const tile of tiles.values()) tile.close();
    watch([]);
  };
}

/** Move a tile; what is moved would else lose the focus. */
function moveBefore(grid, element, place) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  grid.insertBefore(element, place);
  focused?.focus({ preventScroll: true });
}

/** Few cameras are shown large, many small. */
const columnsFor = (count) => (count <= 1 ? 1 : count <= 4 ? 2 : count <= 9 ? 3 : count <= 24 ? "many" : "crowd");

/** The shape that most pictures have. */
function commonAspect(cameras) {
  const counts = new Map();
  for (const { size } of cameras) {
    if (!size) continue;
    const aspect = Math.max(1, Math.min(2, size[0] / size[1])).toFixed(2);
    counts.set(aspect, (counts.get(aspect) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "1.78";
}

function isChosen(camera) {
  if (chosen.health && camera.health !== chosen.health) return false;
  return camera.name.toLowerCase().includes(chosen.words.toLowerCase());
}

function filterBar(me, grid, changed) {
  const chips = new Map(["", ...HEALTHS].map((health) => [health, chip(health, select)]));
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Find a camera",
    "aria-label": "Find a camera",
    value: chosen.words,
    oninput: () => {
      chosen.words = search.value;
      changed();
    },
  });
  const order = h(
    "select",
    {
      "aria-label": "Order",
      onchange: () => {
        chosen.order = order.value;
        localStorage.setItem("order", order.value);
        changed();
      },
    },
    Object.entries(ORDERS).map(([value, name]) => h("option", { value }, name)),
  );
  order.value = chosen.order;
  const size = h(
    "select",
    {
      "aria-label": "Size of pictures",
      onchange: () => {
        chosen.size = grid.dataset.size = size.value;
        localStorage.setItem("size", size.value);
      },
    },
    SIZES.map((value) => h("option", { value }, value[0].toUpperCase() + value.slice(1))),
  );
  size.value = chosen.size;
  const addButton = h("button", { class: "primary", onclick: doing(addCamera) }, "Add camera");

  function select(health) {
    chosen.health = health === chosen.health ? "" : health;
    changed();
  }

  function count(cameras) {
    for (const [health, one] of chips) {
      const number = health ? cameras.filter((camera) => camera.health === health).length : cameras.length;
      say(one.number, String(number));
      one.element.hidden = number === 0 && health !== "" && health !== "live" && health !== chosen.health;
      one.element.setAttribute("aria-pressed", String(health === chosen.health));
    }
  }

  const element = h(
    "div",
    { class: "filters" },
    h("div", { class: "chips", role: "group", "aria-label": "Show" }, [...chips.values()].map((c) => c.element)),
    h("div", { class: "spacer" }),
    search,
    order,
    size,
    me.role === "admin" ? addButton : null,
  );
  return { element, count };
}

function chip(health, select) {
  const number = h("b", {}, "0");
  const name = health || "all";
  const element = h(
    "button",
    { class: "chip", type: "button", "data-health": name, onclick: () => select(health) },
    h("i", { class: "dot", "aria-hidden": "true" }),
    name[0].toUpperCase() + name.slice(1),
    number,
  );
  return { element, number };
}

class Tile {
  constructor(camera) {
    const canvas = h("canvas", { role: "img", "aria-label": `Live picture of ${camera.name}` });
    this.badge = h("span", { class: "badge" });
    this.note = h("p", { class: "note" });
    this.people = h("span", { class: "people" });
    this.figures = Object.fromEntries(["fps", "latency", "skipped", "seen"].map((n) => [n, h("dd", {})]));
    const rows = [["fps", "fps"], ["latency", "latency"], ["skipped", "skipped"], ["seen", "seen"]];
    this.element = h(
      "li",
      { class: "tile", "data-camera": camera.name },
      h(
        "a",
        { href: `#/cameras/${encodeURIComponent(camera.name)}` },
        h("div", { class: "picture" }, canvas, this.badge, this.note),
        h("div", { class: "caption" }, h("i", { class: "dot", "aria-hidden": "true" }), h("span", { class: "name" }, camera.name), this.people),
        h("dl", { class: "figures" }, rows.map(([key, name]) => h("div", {}, h("dt", {}, name), this.figures[key]))),
      ),
    );
    this.screen = new Screen(canvas, camera.name, camera.hue);
    this.health = { is: null, since: 0 };
    this.rank = ORDER[camera.health];
  }

  update(camera, at) {
    const { element, figures } = this;
    if (camera.health !== this.health.is) this.health = { is: camera.health, since: at };
    if (at - this.health.since >= SETTLED_S) this.rank = ORDER[camera.health];
    element.dataset.health = camera.health;
    say(this.badge, badgeOf(camera));
    say(this.people, people(camera.people));
    say(figures.fps, camera.fps ? rate(camera.fps) : "–");
    say(figures.latency, milliseconds(camera.latency_ms));
    say(figures.skipped, percent(camera.skipped));
    say(figures.seen, ago(camera.last_seen, at));
    say(this.note, noteOf(camera, at));
    if (camera.health !== "live" && camera.health !== "late") this.screen.forget();
  }

  close() {
    this.screen.close();
    this.element.remove();
  }
}

function badgeOf({ health, status }) {
  if (health === "live") return "";
  return status === health || status === "playing" ? health : `${health}: ${status}`;
}

/** What to say where there is no picture. */
function noteOf(camera, at) {
  if (camera.health === "paused") return "Paused";
  if (camera.health === "ended") return "Played to its end";
  if (!camera.pictures) return "This camera shows no pictures";
  if (camera.status === "not played") return known.overview.players ? "No ingest has taken it yet" : "No ingest runs that would play it";
  if (camera.problem && camera.health !== "live") return camera.problem;
  if (camera.health === "lost") return `Nothing for ${duration(at - (camera.last_seen || camera.since))}`;
  return "Waiting for a picture";
}
