// The fleet: processes, partitions, the server's memory, frames that were given up.

import { call, get } from "./api.js";
import { confirmed, doing, h, notice, say } from "./dom.js";
import { bytes, day, whole } from "./format.js";
import { processesTable } from "./processes_table.js";

const EVERY_MS = 3000;

export async function openFleet(main, me) {
  const numbers = h("dl", { class: "numbers" });
  const workers = processesTable();
  const partitions = partitionsTable();
  const dead = deadCard(me);
  main.append(
    h("h1", { class: "hidden" }, "Fleet"),
    h("div", { class: "sections" }, numbers, workers.element, partitions.element, dead.element),
  );

  async function refresh() {
    const fleet = await get("fleet");
    showNumbers(numbers, fleet);
    workers.fill(fleet.workers, fleet.at);
    partitions.fill(fleet.partitions);
  }

  await Promise.all([refresh(), dead.refresh()]);
  const timer = setInterval(() => refresh().catch(() => {}), EVERY_MS);
  return () => clearInterval(timer);
}

const total = (rows, key) => rows.reduce((sum, row) => sum + row[key], 0);

function showNumbers(element, fleet) {
  const parts = fleet.partitions;
  const orphans = parts.filter((one) => one.cameras && !one.owner).length;
  const memory = fleet.servers.map((one) => number(
    fleet.servers.length > 1 ? `Memory of ${one.node}` : "Memory of the server",
    bytes(one.used_bytes),
    one.limit_bytes ? `of ${bytes(one.limit_bytes)}` : "no limit",
    one.limit_bytes ? h("meter", { min: 0, max: one.limit_bytes, value: one.used_bytes, high: 0.85 * one.limit_bytes, "aria-label": "Memory in use" }) : null,
  ));
  element.replaceChildren(
    number("Processes", whole(fleet.workers.length), orphans ? `${orphans} partitions without owner` : "all partitions owned"),
    number("Frames waiting", whole(total(parts, "waiting_frames")), `${whole(total(parts, "frames_at_work"))} at work`),
    number("Maps waiting", whole(total(parts, "waiting_maps")), ""),
    number("Dead letters", whole(total(parts, "dead")), ""),
    ...memory,
    number("Server", fleet.servers[0]?.version ?? "–", `${fleet.servers[0]?.clients ?? 0} connections`),
  );
}

function number(name, value, note, more = null) {
  return h("div", { class: "number" }, h("dt", {}, name), h("dd", {}, value, " ", h("small", {}, note), more));
}

function partitionsTable() {
  const columns = ["Partition", "Owner", "Cameras", "Frames waiting", "at work", "Maps waiting", "Dead letters"];
  const kind = (index) => ({ class: index > 1 ? "count" : null });
  const body = h("tbody", {});
  const head = h("tr", {}, columns.map((name, index) => h("th", { scope: "col", ...kind(index) }, name)));
  const all = h("input", { type: "checkbox", onchange: () => fill() });
  const idle = h("label", { class: "check", hidden: true }, all, h("span", {}));
  const element = h(
    "section",
    { class: "card" },
    h("div", { class: "head" }, h("h2", {}, "Partitions"), h("div", { class: "spacer" }), idle),
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Partitions" }, h("table", {}, h("thead", {}, head), body)),
  );
  let known = [];

  function fill(partitions = known) {
    known = partitions;
    const used = partitions.filter((one) => one.cameras || one.waiting_frames || one.waiting_maps || one.dead);
    idle.hidden = used.length === partitions.length;
    say(idle.lastChild, `${whole(partitions.length - used.length)} without cameras, too`);
    body.replaceChildren(...(all.checked ? partitions : used).map((one) => h("tr", {}, cellsOf(one).map((cell, index) => h("td", kind(index), cell)))));
  }

  return { element, fill };
}

function cellsOf(one) {
  const owner = one.owner ? h("span", { class: "code" }, one.owner) : h("span", { class: "soft" }, one.cameras ? "nobody" : "–");
  return [String(one.number), owner, ...[one.cameras, one.waiting_frames, one.frames_at_work, one.waiting_maps, one.dead].map(whole)];
}

function deadCard(me) {
  const body = h("tbody", {});
  const count = h("span", { class: "soft" });
  const all = h("input", { type: "checkbox", "aria-label": "All of them", onchange: () => boxes().forEach((box) => { box.checked = all.checked; }) });
  const boxes = () => [...body.querySelectorAll("input")];
  const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);

  async function refresh() {
    const { letters, more } = await get("dead");
    all.checked = false;
    say(count, letters.length === 0 ? "None: every frame came to something." : more ? `the first ${letters.length}` : `${letters.length}`);
    body.replaceChildren(...letters.map((one) => h(
      "tr",
      {},
      h("td", {}, h("input", { type: "checkbox", value: one.letter, "aria-label": `Letter ${one.letter}` })),
      h("td", {}, day(one.at)),
      h("td", {}, one.camera ? `${one.camera}/${one.session}/${one.seq}` : "unknown frame"),
      h("td", {}, one.why),
      h("td", { class: "words" }, one.detail, one.can_replay ? null : h("span", { class: "soft" }, " (not kept whole: can't be sent in again)")),
    )));
    element.querySelector(".scroll").hidden = letters.length === 0;
    for (const button of buttons) button.hidden = letters.length === 0;
  }

  const replay = doing(async () => {
    const letters = chosen();
    if (!letters.length) throw new Error("choose letters first");
    const sent = await call("POST", "dead/replay", { letters });
    const failed = sent.filter((one) => one.problem);
    notice(`${sent.length - failed.length} sent in again${failed.length ? `; ${failed[0].problem}` : ""}`, failed.length ? "failed" : "done");
    await refresh();
  });
  const purge = doing(async () => {
    const letters = chosen();
    if (!letters.length) throw new Error("choose letters first");
    if (!(await confirmed("Throw them away?", `${letters.length} dead letters are removed for good.`, "Throw away"))) return;
    await call("POST", "dead/purge", { letters });
    await refresh();
  });
  const buttons = me.role === "admin"
    ? [h("button", { onclick: replay }, "Send in again"), h("button", { class: "danger", onclick: purge }, "Throw away")]
    : [];
  const head = h("tr", {}, h("th", { scope: "col" }, all), ["When", "Frame", "Why", "What"].map((name) => h("th", { scope: "col" }, name)));
  const element = h(
    "section",
    { class: "card" },
    h("div", { class: "head" }, h("h2", {}, "Dead letters"), count, h("div", { class: "spacer" }), buttons),
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Dead letters" }, h("table", {}, h("thead", {}, head), body)),
  );
  return { element, refresh };
}
