// Which page is shown: by what stands behind the # of the address.

import { get } from "./api.js";
import { useLimbs } from "./draw.js";
import { h, say } from "./dom.js";
import * as live from "./live.js";
import { showHeader } from "./shell.js";
import { openCameras } from "./cameras_page.js";
import { openCamera } from "./camera_page.js";
import { openFleet } from "./fleet_page.js";
import { openJobs } from "./jobs_page.js";
import { openLog } from "./log_page.js";
import { openLogin } from "./login_page.js";

const PAGES = [
  [/^\/?$/, openCameras, "Cameras"],
  [/^\/cameras\/([^/]+)$/, openCamera, "Cameras"],
  [/^\/fleet$/, openFleet, "Fleet"],
  [/^\/jobs$/, openJobs, "Jobs"],
  [/^\/log$/, openLog, "Log"],
];

const main = document.getElementById("main");
let close = () => {};
let me = null;
let turn = 0;

async function show() {
  const mine = (turn += 1);
  close();
  close = () => {};
  main.replaceChildren();
  const path = location.hash.replace(/^#(?=\/|$)/, "");
  for (const [pattern, open, section] of PAGES) {
    const match = pattern.exec(path);
    if (!match) continue;
    showHeader(me, section);
    await opened(open, match.slice(1), mine);
    return;
  }
  main.append(h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "#/" }, "Cameras")));
}

async function opened(open, words, mine) {
  const place = h("div"); // of its own: what comes late to a page that was left isn't seen
  main.append(place);
  try {
    const ending = await open(place, me, ...words.map(decodeURIComponent));
    if (mine === turn) close = ending ?? (() => {});
    else ending?.();
  } catch (error) {
    if (mine !== turn || error.status === 401) return;
    main.replaceChildren(h("p", { class: "empty", role: "alert" }, error.message));
  }
}

function logIn() {
  turn += 1;
  close();
  close = () => {};
  me = null;
  live.stop();
  showHeader(null, "");
  openLogin(main, begin);
}

async function begin() {
  try {
    me = await get("me");
  } catch (error) {
    if (error.status !== 401) {
      main.replaceChildren(h("p", { class: "empty", role: "alert" }, error.message));
      setTimeout(begin, 2000);
    }
    return;
  }
  useLimbs(me.limbs);
  live.start();
  await show();
}

window.addEventListener("hashchange", () => {
  if (location.hash === "#main") {
    main.focus();
    return;
  }
  if (me) {
    show().then(() => main.focus({ preventScroll: true }));
  }
});
document.addEventListener("logged-out", logIn);
say(main, "");
begin();
