// What stands above every page: where one is, whether all is connected, light or dark, who one is.

import { call } from "./api.js";
import { h, say, doing } from "./dom.js";
import { known, listen } from "./live.js";

const SECTIONS = [
  ["Cameras", "#/", "viewer"],
  ["Fleet", "#/fleet", "viewer"],
  ["Jobs", "#/jobs", "viewer"],
  ["Log", "#/log", "admin"],
];
const THEMES = ["auto", "light", "dark"];
const STATES = {
  on: "Connected",
  connecting: "Connecting",
  gone: "Dashboard doesn't answer",
  away: "Redis doesn't answer",
  off: "",
};

const header = document.getElementById("header");
const state = h("p", { class: "connection", role: "status" });

export function showHeader(me, section) {
  const links = SECTIONS.filter(([, , role]) => me && (role === "viewer" || me.role === "admin"));
  header.replaceChildren(
    h("a", { class: "brand", href: "#/" }, h("img", { src: "icon.svg", alt: "", width: 22, height: 22 }), "ghostpose"),
    h(
      "nav",
      { "aria-label": "Pages" },
      links.map(([name, href]) => h("a", { href, "aria-current": name === section ? "page" : null }, name)),
    ),
    h("div", { class: "spacer" }),
    state,
    themeButton(),
    ...(me?.needs_login ? [userPart(me)] : []),
  );
  showState();
}

function userPart(me) {
  const out = doing(async () => {
    await call("POST", "logout");
    document.dispatchEvent(new CustomEvent("logged-out"));
  });
  return h(
    "div",
    { class: "user" },
    h("span", {}, `${me.name} (${me.role})`),
    h("button", { class: "plain", onclick: out }, "Log out"),
  );
}

function showState() {
  state.className = `connection ${known.state}`;
  say(state, STATES[known.state] ?? "");
  state.title = known.problem;
  document.body.dataset.connection = known.state;
}

listen("state", showState);

function themeButton() {
  const button = h("button", { class: "plain theme", type: "button" });
  const apply = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    say(button, { auto: "Auto", light: "Light", dark: "Dark" }[theme]);
    button.setAttribute("aria-label", `Colours: ${theme}`);
    button.dataset.theme = theme;
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(button.dataset.theme) + 1) % THEMES.length];
    localStorage.setItem("theme", next);
    apply(next);
  });
  const kept = localStorage.getItem("theme");
  apply(THEMES.includes(kept) ? kept : "auto");
  return button;
}
