// Zones and lines over a camera's picture: drawn, moved and named, by mouse or by keys.

import { field, h, s } from "./dom.js";

const STEP = 0.01;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Edits the rules of a picture of `width` x `height` pixels; `changed` hears of each change. */
export class ZoneEditor {
  constructor(width, height, rules, canEdit, changed) {
    Object.assign(this, { width, height, canEdit, changed, chosen: null });
    this.rules = [
      ...rules.zones.map((zone) => ({ kind: "zone", ...zone, points: zone.polygon.map((p) => [...p]) })),
      ...rules.lines.map((line) => ({ kind: "line", ...line, points: line.points.map((p) => [...p]) })),
    ];
    this.overlay = s("svg", { class: "zones", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet" });
    this.list = h("div", { class: "rules" });
    this.draw();
  }

  /** The rules as settings of a camera. */
  settings() {
    const zones = this.rules.filter((rule) => rule.kind === "zone");
    const lines = this.rules.filter((rule) => rule.kind === "line");
    return {
      zones: zones.map(({ name, points, dwell_s, crowd }) => ({ name, polygon: points, dwell_s, crowd })),
      lines: lines.map(({ name, points }) => ({ name, points })),
    };
  }

  addZone() {
    const at = (x, y) => [Math.round(x * this.width), Math.round(y * this.height)];
    this.add("zone", [at(0.35, 0.45), at(0.65, 0.45), at(0.7, 0.8), at(0.3, 0.8)]);
  }

  addLine() {
    const at = (x, y) => [Math.round(x * this.width), Math.round(y * this.height)];
    this.add("line", [at(0.3, 0.6), at(0.7, 0.6)]);
  }

  add(kind, points) {
    let number = 1;
    while (this.rules.some((rule) => rule.kind === kind && rule.name === `${kind}-${number}`)) number += 1;
    const rule = { kind, name: `${kind}-${number}`, points, dwell_s: null, crowd: null };
    this.rules.push(rule);
    this.chosen = rule;
    this.edited();
    this.draw();
    this.overlay.querySelector(".corner")?.focus();
  }

  remove(rule) {
    this.rules.splice(this.rules.indexOf(rule), 1);
    this.chosen = null;
    this.edited();
    this.draw();
  }

  edited() {
    this.changed();
  }

  draw() {
    this.overlay.replaceChildren(...this.rules.flatMap((rule) => this.shape(rule)));
    this.list.replaceChildren(...this.rules.map((rule) => this.row(rule)));
  }

  shape(rule) {
    const chosen = rule === this.chosen ? " chosen" : "";
    const coordinates = rule.points.map((point) => point.join(",")).join(" ");
    const kind = rule.kind === "zone" ? "polygon" : "polyline";
    const body = s(kind, { class: `${rule.kind === "zone" ? "area" : "way"}${chosen} body`, points: coordinates });
    const size = this.height / 26;
    const [x, y] = rule.points.reduce((a, b) => (b[1] < a[1] ? b : a));
    const label = s("text", { x, y: Math.max(size, y - 0.4 * size), "font-size": size, "text-anchor": "middle" }, rule.name);
    if (!this.canEdit) return [body, label];
    body.addEventListener("pointerdown", (event) => this.drag(event, rule, rule.points));
    if (rule !== this.chosen) return [body, label];
    return [body, label, ...this.between(rule), ...rule.points.map((point, index) => this.corner(rule, point, index))];
  }

  corner(rule, point, index) {
    const corner = s("circle", {
      class: "corner", cx: point[0], cy: point[1], r: this.height / 60, tabindex: 0, role: "button",
      "aria-label": `Corner ${index + 1} of ${rule.name}: arrow keys move it, Delete removes it`,
    });
    corner.addEventListener("pointerdown", (event) => this.drag(event, rule, [point]));
    corner.addEventListener("keydown", (event) => this.key(event, rule, point, index));
    return corner;
  }

  /** Small handles between corners: pulling one makes a new corner. */
  between(rule) {
    const count = rule.kind === "zone" ? rule.points.length : rule.points.length - 1;
    return Array.from({ length: count }, (_, index) => {
      const a = rule.points[index];
      const b = rule.points[(index + 1) % rule.points.length];
      const middle = [Math.round((a[0] + b[0]) / 2), Math.round((a[1] + b[1]) / 2)];
      const handle = s("circle", { class: "between", cx: middle[0], cy: middle[1], r: this.height / 80 });
      handle.addEventListener("pointerdown", (event) => {
        rule.points.splice(index + 1, 0, middle);
        this.drag(event, rule, [middle]);
      });
      return handle;
    });
  }

  key(event, rule, point, index) {
    const fewest = rule.kind === "zone" ? 3 : 2;
    if (event.key in KEYS) {
      const [dx, dy] = KEYS[event.key];
      const step = (event.shiftKey ? 5 : 1) * STEP;
      this.move([point], dx * step * this.width, dy * step * this.height);
    } else if (event.key === "Delete" && rule.points.length > fewest) {
      rule.points.splice(index, 1);
    } else if (event.key === "Insert") {
      rule.points.splice(index + 1, 0, [...point]);
      this.move([rule.points[index + 1]], STEP * this.width, STEP * this.height);
    } else {
      return;
    }
    event.preventDefault();
    this.edited();
    this.draw();
    this.overlay.querySelectorAll(".corner")[Math.min(index, rule.points.length - 1)]?.focus();
  }

  drag(event, rule, points) {
    event.preventDefault();
    this.chosen = rule;
    this.draw();
    let last = this.place(event);
    const move = (moved) => {
      const now = this.place(moved);
      this.move(points, now.x - last.x, now.y - last.y);
      last = now;
      this.edited();
      this.draw();
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  }

  place(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.overlay.getScreenCTM().inverse());
  }

  /** Move points, and keep them in the picture. */
  move(points, dx, dy) {
    const left = Math.min(...points.map((p) => p[0]));
    const right = Math.max(...points.map((p) => p[0]));
    const top = Math.min(...points.map((p) => p[1]));
    const bottom = Math.max(...points.map((p) => p[1]));
    const x = Math.max(-left, Math.min(this.width - right, dx));
    const y = Math.max(-top, Math.min(this.height - bottom, dy));
    for (const point of points) {
      point[0] = Math.round(10 * (point[0] + x)) / 10;
      point[1] = Math.round(10 * (point[1] + y)) / 10;
    }
  }

  row(rule) {
    if (!this.canEdit) {
      return h("div", { class: "rule" }, h("span", { class: "kind" }, rule.kind), h("b", {}, rule.name));
    }
    const choose = () => {
      if (this.chosen === rule) return;
      this.chosen = rule;
      this.overlay.replaceChildren(...this.rules.flatMap((one) => this.shape(one)));
      for (const row of this.list.children) row.toggleAttribute("data-chosen", row === element);
    };
    const set = (key, parse) => (event) => {
      rule[key] = parse(event.currentTarget.value);
      this.edited();
      this.overlay.replaceChildren(...this.rules.flatMap((one) => this.shape(one)));
    };
    const number = (text) => (text === "" ? null : Number(text));
    const element = h(
      "div",
      { class: "rule", "data-chosen": rule === this.chosen, onfocusin: choose, onclick: choose },
      h("span", { class: "kind" }, rule.kind),
      field("Name", h("input", { value: rule.name, maxlength: 64, oninput: set("name", String) })),
      rule.kind === "zone" ? field("Dwell after (s)", h("input", { type: "number", min: 0, value: rule.dwell_s ?? "", oninput: set("dwell_s", number) })) : null,
      rule.kind === "zone" ? field("Crowd from", h("input", { type: "number", min: 1, step: 1, value: rule.crowd ?? "", oninput: set("crowd", number) })) : null,
      h("button", { class: "danger", type: "button", onclick: () => this.remove(rule), "aria-label": `Remove ${rule.kind} ${rule.name}` }, "Remove"),
    );
    return element;
  }
}
