// Logging in by a token.

import { call } from "./api.js";
import { field, h, say } from "./dom.js";

export function openLogin(main, loggedIn) {
  const token = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    say(problem, "");
    try {
      await call("POST", "login", { token: token.value.trim() });
    } catch (error) {
      say(problem, error.message);
      token.select();
      return;
    }
    await loggedIn();
  };
  const insecure = !window.isSecureContext;
  const note = "This page came by http:// from another machine, and browsers keep no login for that. Open it by https://.";
  main.replaceChildren(
    h(
      "form",
      { class: "card login", onsubmit: submit },
      h("h1", {}, "Log in"),
      insecure ? h("p", { class: "problem" }, note) : null,
      field("Token", token, "Your administrator makes one by ghostpose dashboard-token."),
      problem,
      h("button", { class: "primary" }, "Log in"),
    ),
  );
  token.focus();
}
