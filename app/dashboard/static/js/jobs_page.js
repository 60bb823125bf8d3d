// Jobs: analyses, exports, videos and reports that were queued, and how far they have come.

import { call, get } from "./api.js";
import { doing, h, notice } from "./dom.js";
import { day, duration, whole } from "./format.js";

const EVERY_MS = 2000;
const AGAIN = ["failed", "stopped", "canceled"];

export async function openJobs(main, me) {
  const body = h("tbody", {});
  const none = h("p", { class: "soft" });
  const columns = ["What", "State", "How far", "Since", "Trouble", ""];
  const head = h("tr", {}, columns.map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {}))));
  const table = h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": "Jobs" },
    h("table", {}, h("thead", {}, head), body),
  );
  main.append(
    h("h1", { class: "hidden" }, "Jobs"),
    h("section", { class: "card" }, h("h2", {}, "Jobs"), none, table),
  );

  async function refresh() {
    const { jobs, why_none: why } = await get("jobs");
    const focused = document.activeElement?.dataset.job;
    none.textContent = why ?? (jobs.length ? "" : "Nothing was queued in the last week.");
    table.hidden = jobs.length === 0;
    body.replaceChildren(...jobs.map((job) => row(job, me, refresh)));
    if (focused) body.querySelector(`[data-job="${focused}"]`)?.focus();
  }

  await refresh();
  const timer = setInterval(() => refresh().catch(() => {}), EVERY_MS);
  return () => clearInterval(timer);
}

function row(job, me, refresh) {
  const since = job.ended_at ?? job.started_at ?? job.created_at;
  const took = job.started_at && job.ended_at ? ` (took ${duration(job.ended_at - job.started_at)})` : "";
  return h(
    "tr",
    {},
    h("td", { class: "words" }, job.about),
    h("td", {}, job.status),
    h("td", {}, howFar(job)),
    h("td", {}, since ? `${day(since)}${took}` : "–"),
    h("td", { class: "words" }, job.status === "finished" ? "" : job.problem ?? ""),
    h("td", {}, me.role === "admin" ? button(job, refresh) : null),
  );
}

function howFar(job) {
  if (!job.total) return job.done ? `${whole(job.done)} ${job.unit}` : "–";
  const label = `${whole(job.done)} of ${whole(job.total)} ${job.unit}`;
  return [h("progress", { max: job.total, value: job.done, "aria-label": label }), h("div", { class: "soft" }, label)];
}

function button(job, refresh) {
  const send = (verb, said) => doing(async () => {
    await call("POST", `jobs/${encodeURIComponent(job.job)}/${verb}`);
    notice(said);
    await refresh();
  });
  const label = (verb) => ({ "aria-label": `${verb} ${job.about}`, "data-job": job.job });
  if (!job.is_over) return h("button", { class: "danger", onclick: send("cancel", "It is stopped"), ...label("Stop") }, "Stop");
  if (AGAIN.includes(job.status)) return h("button", { onclick: send("retry", "It is queued again"), ...label("Again") }, "Again");
  return null;
}
