// Elements made from data. Text is always text: nothing that comes from outside becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("a", {href: "#/"}, "text", child)`. `on...` are listeners. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function s(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Change an element's text only if it is another: so nothing is laid out for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

/** A label with its control, which gets an id. */
export function field(label, control, hint = "") {
  control.id ||= `field-${(ids += 1)}`;
  const parts = [h("label", { for: control.id }, label), control];
  if (hint) {
    const note = h("p", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", note.id);
    parts.push(note);
  }
  return h("div", { class: "field" }, ...parts);
}

/** Say something in the corner for a while: that it is `done`, a `warning`, or what `failed`. */
export function notice(text, kind = "done") {
  const one = h("p", { class: `notice ${kind}` }, text);
  document.getElementById("notices").append(one);
  setTimeout(() => one.remove(), kind === "done" ? 4000 : 9000);
}

/** Run what a control does; say what goes wrong, and keep it from being pressed twice. */
export function doing(action) {
  return async (event) => {
    const control = event.currentTarget;
    event.preventDefault();
    if (control.dataset.busy) return;
    control.dataset.busy = "1";
    try {
      await action(event, control);
    } catch (error) {
      notice(error.message, "failed");
    } finally {
      delete control.dataset.busy;
    }
  };
}

/** Show a dialog until it closes; give its return value. */
export function ask(title, body, buttons) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const form = h("form", { method: "dialog" }, heading, body, h("div", { class: "buttons" }, buttons));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** A button that closes the dialog it is in. */
export function cancelButton() {
  return h("button", { type: "button", class: "plain", onclick: (event) => event.currentTarget.closest("dialog").close("") }, "Cancel");
}

/** Ask for yes or no. */
export async function confirmed(title, text, yes) {
  const buttons = [cancelButton(), h("button", { value: "yes", class: "danger" }, yes)];
  return (await ask(title, h("p", {}, text), buttons)) === "yes";
}
