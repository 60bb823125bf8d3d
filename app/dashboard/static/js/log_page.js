// What was changed by way of a dashboard, and by whom.

import { get } from "./api.js";
import { h } from "./dom.js";
import { day } from "./format.js";

export async function openLog(main) {
  const entries = await get("audit?count=200");
  const rows = entries.map((one) => h(
    "tr",
    {},
    h("td", {}, day(one.at)),
    h("td", {}, one.who),
    h("td", {}, one.address),
    h("td", {}, `${one.what} ${one.of}`),
    h("td", { class: "words code" }, one.details === "{}" ? "" : one.details),
  ));
  const head = h("tr", {}, ["When", "Who", "From", "What", "Details"].map((name) => h("th", { scope: "col" }, name)));
  main.append(
    h("h1", { class: "hidden" }, "Log"),
    h(
      "section",
      { class: "card" },
      h("h2", {}, "What was changed"),
      entries.length
        ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "What was changed" }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows)))
        : h("p", { class: "soft" }, "Nothing yet."),
    ),
  );
}
