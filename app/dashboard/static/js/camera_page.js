// One camera: live, its last minutes, its zones, its settings.

import { call, cameraPath, get } from "./api.js";
import { change, editCamera } from "./camera_form.js";
import { paintHeat, peopleChart, timelineChart } from "./charts.js";
import { Screen } from "./draw.js";
import { confirmed, doing, h, notice, say } from "./dom.js";
import { ago, clock, day, duration, milliseconds, people, percent, rate, whole } from "./format.js";
import { listen, watch } from "./live.js";
import { ZoneEditor } from "./zones.js";

const HISTORY_EVERY_MS = 15000;
const RANGES = [[5, "Last 5 min"], [15, "Last 15 min"], [60, "Last hour"]];
const STORED_RANGES = [...RANGES, [360, "Last 6 hours"], [1440, "Last day"], [10080, "Last week"]];

export async function openCamera(main, me, name) {
  const details = await get(cameraPath(name));
  if (!main.isConnected) return null; // somebody went on meanwhile, and watches others
  const canChange = me.role === "admin" && details.settings !== null;
  const page = { name, details, minutes: 5, me, canChange };
  const viewer = viewerCard(page);
  const facts = factsCard(page);
  const past = historyCards(page, viewer);
  main.append(
    headOf(page),
    h(
      "div",
      { class: "columns" },
      h("div", { class: "column" }, viewer.element, past.people),
      h("div", { class: "column" }, facts.element, past.tracks, past.events),
    ),
  );
  watch([name]);
  const ends = [
    listen("overview", (overview) => {
      const now = overview.cameras.find((camera) => camera.name === name);
      if (now) facts.update(now, overview.at);
    }),
    listen("picture", (picture) => viewer.pictured(picture)),
  ];
  facts.update(details.figures, details.figures.last_seen);
  // The live picture doesn't wait for the past, which a slow or missing store may not tell.
  past.refresh().catch((error) => notice(error.message, "failed"));
  const timer = setInterval(() => past.refresh().catch(() => {}), HISTORY_EVERY_MS);
  return () => {
    clearInterval(timer);
    ends.forEach((end) => end());
    viewer.screen.close();
    watch([]);
  };
}

function headOf(page) {
  const { name, details, canChange } = page;
  const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
  const edit = doing(async () => {
    if (await editCamera(details)) again();
  });
  const pause = doing(async () => {
    await change(details, { paused: details.settings.paused ? null : true });
    again();
  });
  const remove = doing(async () => {
    const text = `${name} is taken out of the registry and no longer played. Its poses stay for as long as they are kept.`;
    if (!(await confirmed(`Remove ${name}?`, text, "Remove"))) return;
    await call("DELETE", cameraPath(name, `?revision=${details.revision}`));
    notice(`${name} is removed`);
    location.hash = "#/";
  });
  return h(
    "div",
    { class: "camera-head" },
    h("a", { href: "#/" }, "Cameras"),
    h("span", { class: "soft", "aria-hidden": "true" }, "/"),
    h("h1", {}, name),
    h("div", { class: "spacer" }),
    canChange ? h("button", { onclick: edit }, "Settings") : null,
    canChange ? h("button", { onclick: pause }, details.settings.paused ? "Resume" : "Pause") : null,
    canChange ? h("button", { class: "danger", onclick: remove }, "Remove") : null,
    details.settings === null ? h("p", { class: "soft" }, "Set by a configuration file, not by the registry") : null,
  );
}

function viewerCard(page) {
  const { details, name } = page;
  const canvas = h("canvas", { role: "img", "aria-label": `Live picture of ${name}` });
  const heat = h("canvas", { class: "heat", hidden: true, "aria-hidden": "true" });
  const note = h("p", { class: "note" }, "Waiting for a picture");
  const behind = h("span", { class: "soft behind" });
  const box = h("div", { class: "picture" }, canvas, note, heat);
  const screen = new Screen(canvas, name, details.figures.hue);
  const skeletons = h("input", { type: "checkbox", checked: true, onchange: () => { screen.showsPeople = skeletons.checked; screen.redraw(); } });
  const heatShown = h("input", { type: "checkbox", onchange: () => { heat.hidden = !heatShown.checked; } });
  const tools = h(
    "div",
    { class: "tools" },
    h("label", {}, skeletons, "Skeletons"),
    h("label", {}, heatShown, "Heat map"),
    behind,
    h("div", { class: "spacer" }),
  );
  const editing = h("div", {});
  const element = h("section", { class: "card viewer", "aria-label": "Live picture" }, box, tools, editing);
  let hasRules = false;

  function pictured(picture) {
    if (picture.camera !== name) return;
    say(behind, picture.behind_ms === null ? "no poses" : `${milliseconds(picture.behind_ms)} behind`);
    box.style.aspectRatio = `${picture.source[0]} / ${picture.source[1]}`;
    if (!hasRules) showRules(picture.source);
  }

  function showRules([width, height]) {
    hasRules = true;
    if (details.settings === null) return;
    const { zones, lines } = details.settings;
    const editor = new ZoneEditor(width, height, { zones, lines }, page.canChange, () => {
      save.disabled = undo.disabled = false;
    });
    box.append(editor.overlay);
    editing.append(editor.list);
    const save = h("button", { class: "primary", disabled: true, onclick: doing(keep) }, "Save zones");
    const undo = h("button", { class: "plain", disabled: true, onclick: start }, "Undo");
    if (!page.canChange) return;
    tools.append(
      h("button", { type: "button", class: "zone-tool", onclick: () => editor.addZone() }, "New zone"),
      h("button", { type: "button", class: "zone-tool", onclick: () => editor.addLine() }, "New line"),
      undo,
      save,
    );

    function start() {
      for (const old of [editor.overlay, editor.list, save, undo, ...tools.querySelectorAll(".zone-tool")]) old.remove();
      showRules([width, height]);
    }

    async function keep() {
      const settings = editor.settings();
      await change(details, settings);
      Object.assign(details.settings, settings);
      save.disabled = undo.disabled = true;
      notice(`Zones of ${name} are saved`);
    }
  }

  if (details.figures.size) showRules(details.figures.size);
  if (details.figures.size) box.style.aspectRatio = details.figures.size.join(" / ");
  return { element, screen, heat, pictured };
}

function factsCard(page) {
  const { details } = page;
  const facts = h("dl", { class: "facts" });
  const problem = h("p", { class: "problem" });
  const element = h("section", { class: "card" }, h("h2", {}, "Now"), facts, problem);
  const skipped = details.skipped.map(({ reason, pictures }) => `${reason} ${whole(pictures)}`).join(", ");

  function update(now, at) {
    const status = now.status === now.health ? now.health : `${now.health} (${now.status})`;
    const rows = [
      ["State", status],
      ["People now", people(now.people)],
      ["Frames a second", now.fps ? rate(now.fps) : "–"],
      ["Latency", milliseconds(now.latency_ms)],
      ["Skipped", percent(now.skipped)],
      ["Last seen", ago(now.last_seen, at)],
      ["Source", now.source || "–"],
      ["Played on", now.host || "–"],
      ["Opened again", whole(details.reconnects)],
      ["Skipped since its start", skipped || "none"],
    ];
    facts.replaceChildren(...rows.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))));
    const said = now.problem ?? details.problem;
    say(problem, said ? `Last trouble${details.problem_at ? `, ${day(details.problem_at)}` : ""}: ${said}` : "");
  }

  return { element, update };
}

function historyCards(page, viewer) {
  const range = h(
    "select",
    { "aria-label": "Stretch of time", onchange: doing(async () => { page.minutes = Number(range.value); await refresh(); }) },
    (page.me.has_store ? STORED_RANGES : RANGES).map(([minutes, name]) => h("option", { value: minutes }, name)),
  );
  range.value = String(page.minutes);
  const peopleBody = h("div", {});
  const tracksBody = h("div", {});
  const eventsBody = h("ul", { class: "event-list" });
  const cards = {
    people: h("section", { class: "card" }, h("div", { class: "head" }, h("h2", {}, "People over time"), h("div", { class: "spacer" }), range), peopleBody),
    tracks: h("section", { class: "card" }, h("h2", {}, "Tracks"), tracksBody),
    events: h("section", { class: "card" }, h("h2", {}, "Events"), eventsBody),
  };

  async function refresh() {
    const [history, events] = await Promise.all([
      get(cameraPath(page.name, `/history?minutes=${page.minutes}`)),
      get(cameraPath(page.name, "/events")),
    ]);
    if (history.people.length === 0) {
      for (const body of [peopleBody, tracksBody]) body.replaceChildren(nothing("Nothing in this time."));
    } else {
      peopleBody.replaceChildren(peopleChart(history));
      tracksBody.replaceChildren(history.tracks.length ? timelineChart(history, page.details.figures.hue) : nothing("Nobody was there."), more(history));
    }
    paintHeat(viewer.heat, history.heat_rc);
    eventsBody.replaceChildren(...(events.length ? events.slice(0, 30).map(eventRow) : [h("li", { class: "soft" }, "No zone, line or posture has told anything.")]));
  }

  return { ...cards, refresh };
}

const nothing = (text) => h("p", { class: "soft" }, text);

function more(history) {
  const each = duration(Math.max(1, history.every_s));
  const left = history.dropped_tracks ? `${history.dropped_tracks} shorter tracks are left out. ` : "";
  return h("p", { class: "soft" }, `${left}Looked at every ${each}.`);
}

function eventRow(event) {
  const shown = Object.entries(event.details)
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
  return h("li", {}, h("span", { class: "soft" }, clock(event.at)), h("span", { class: "kind" }, event.kind.replaceAll("_", " ")), h("span", {}, shown));
}
