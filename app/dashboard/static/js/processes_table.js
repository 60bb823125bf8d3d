// The processes of a fleet, by role; a role that has many is one row until it is unfolded.

import { h, say } from "./dom.js";
import { ago, whole } from "./format.js";

const ROLES = ["supervisor", "ingest", "inference", "postprocess", "store", "mirror", "link", "dashboard"];
const COLUMNS = ["Role", "Name", "Host", "Version", "Load", "Heard of"];
/** More than so many of a role are folded. */
const FEW = 6;

export function processesTable() {
  const head = h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, name))));
  const table = h("table", {}, head);
  const groups = new Map();
  const element = h(
    "section",
    { class: "card" },
    h("h2", {}, "Processes"),
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Processes" }, table),
  );

  function fill(workers, now) {
    const roles = [...new Set(workers.map((one) => one.role))].sort(byRole);
    for (const [role, group] of groups) if (!roles.includes(role)) drop(role, group);
    for (const role of roles) {
      if (!groups.has(role)) groups.set(role, new Group(role));
      groups.get(role).update(workers.filter((one) => one.role === role), now);
    }
    const wanted = [head, ...roles.flatMap((role) => groups.get(role).elements)];
    // Nothing is moved that is in its place: what has the focus keeps it.
    if (wanted.some((part, index) => table.children[index] !== part)) table.replaceChildren(...wanted);
  }

  function drop(role, group) {
    group.elements.forEach((one) => one.remove());
    groups.delete(role);
  }

  return { element, fill };
}

/** Roles in the order of the work; one that is new to this page comes last. */
function byRole(a, b) {
  const place = (role) => (ROLES.includes(role) ? ROLES.indexOf(role) : ROLES.length);
  return place(a) - place(b) || a.localeCompare(b);
}

class Group {
  constructor(role) {
    this.open = false;
    this.button = h("button", { class: "fold", type: "button", "aria-expanded": "false", onclick: () => this.fold(!this.open) });
    [this.hosts, this.versions, this.load, this.heard] = [0, 1, 2, 3].map(() => h("td", {}));
    this.summary = h("tbody", {}, h("tr", {}, h("td", {}, role), h("td", {}, this.button), this.hosts, this.versions, this.load, this.heard));
    this.members = h("tbody", {});
    this.elements = [this.summary, this.members];
    this.many = false;
  }

  fold(open) {
    this.open = open;
    this.button.setAttribute("aria-expanded", String(open));
    this.members.hidden = this.many && !open;
  }

  update(workers, now) {
    const hosts = new Set(workers.map((one) => one.host)), versions = new Set(workers.map((one) => one.version));
    this.many = workers.length > FEW;
    this.summary.hidden = !this.many;
    say(this.button, `${whole(workers.length)} processes`);
    say(this.hosts, hosts.size === 1 ? [...hosts][0] : `${whole(hosts.size)} hosts`);
    say(this.versions, [...versions].sort().join(", "));
    say(this.heard, ago(Math.min(...workers.map((one) => one.at)), now));
    this.members.replaceChildren(...workers.sort((a, b) => a.worker.localeCompare(b.worker)).map((one) => row(one, now)));
    this.fold(this.open);
  }
}

function row(one, now) {
  const name = h("span", { class: "code" }, one.worker);
  const cells = [one.role, name, one.host, one.version, loadOf(one.load, now), ago(one.at, now)];
  return h("tr", {}, cells.map((cell) => h("td", {}, cell)));
}

function loadOf(load, now) {
  const said = ([key, value]) => `${key.replaceAll("_", " ")} ${key === "last_seen" ? ago(value, now) : short(value)}`;
  return Object.entries(load).map(said).join(", ");
}

const short = (value) => (Number.isInteger(value) ? whole(value) : value.toFixed(1));
