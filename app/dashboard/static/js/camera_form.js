// Adding a camera, and changing its settings.

import { call, cameraPath } from "./api.js";
import { ask, cancelButton, field, h, notice, say } from "./dom.js";
import { known } from "./live.js";

const NOBODY_PLAYS = "No ingest plays cameras of the registry now: it waits until ghostpose ingest --registry runs.";
const PRIVACY = ["none", "blur_faces", "blur_bodies", "skeleton"];

/** Ask for a new camera and add it. */
export async function addCamera() {
  const name = h("input", { required: true, maxlength: 64, pattern: "[A-Za-z0-9_.\\-]+", autocomplete: "off", spellcheck: "false" });
  const source = h("input", { required: true, maxlength: 4096, autocomplete: "off", spellcheck: "false" });
  const settings = settingFields({});
  const body = h(
    "div",
    { class: "fields" },
    h("div", { class: "wide" }, field("Name", name, "Letters, digits, _ . -")),
    h("div", { class: "wide" }, field("Source", source, "rtsp://user:password@host/path, a file, /dev/video0, pattern:people=3")),
    ...settings.elements,
  );
  if (!known.overview?.players) body.append(h("p", { class: "wide problem" }, NOBODY_PLAYS));
  await asked("Add a camera", body, "Add", async () => {
    const given = { name: name.value.trim(), source: source.value.trim(), settings: settings.values() };
    const added = await call("POST", "cameras", given);
    notice(`${given.name} is added`);
    if (added.warning) notice(added.warning, "warning");
  });
}

/** Ask for other settings of a camera and set them. */
export async function editCamera(details) {
  const { settings: current, figures } = details;
  const source = h("input", { required: true, maxlength: 4096, autocomplete: "off", spellcheck: "false", value: current.source });
  const settings = settingFields(current);
  const body = h(
    "div",
    { class: "fields" },
    h("div", { class: "wide" }, field("Source", source, "*** stands for a password that stays as it is.")),
    ...settings.elements,
  );
  return asked(`Settings of ${figures.name}`, body, "Save", async () => {
    const values = settings.values();
    if (source.value.trim() !== current.source) values.source = source.value.trim();
    await change(details, values);
    notice(`${figures.name} is set`);
  });
}

/** Change settings of a camera that is as `details` says. */
export async function change(details, settings) {
  const path = cameraPath(details.figures.name);
  const changed = await call("PATCH", path, { settings, revision: details.revision });
  details.revision = changed.revision;
  if (changed.warning) notice(changed.warning, "warning");
}

function settingFields(current) {
  const number = (value, limits) => h("input", { type: "number", inputmode: "decimal", step: "any", value: value ?? "", ...limits });
  const fps = number(current.fps, { min: 0.1, max: 1000, placeholder: "all" });
  const height = number(current.height ?? 368, { min: 64, max: 4096, step: 1 });
  const privacy = h("select", {}, PRIVACY.map((mode) => h("option", { value: mode }, mode.replaceAll("_", " "))));
  privacy.value = current.privacy ?? "none";
  const policy = h("select", {}, ["latest", "every"].map((value) => h("option", { value }, value)));
  policy.value = current.policy ?? "latest";
  const loop = h("input", { type: "checkbox", checked: current.loop ?? false });
  const elements = [
    field("Frames a second, at most", fps),
    field("Network height", height, "More rows find smaller people."),
    field("Privacy", privacy),
    field("Policy", policy, "latest: live; every: recordings"),
    h("label", { class: "wide check" }, loop, "Play a recording again and again"),
  ];
  const values = () => ({
    fps: fps.value === "" ? null : Number(fps.value),
    height: Number(height.value),
    privacy: privacy.value,
    policy: policy.value,
    loop: loop.checked,
  });
  return { elements, values };
}

/** Show a form until what it is for has succeeded; gives whether it has. */
async function asked(title, body, yes, action) {
  const problem = h("p", { class: "problem", role: "alert" });
  const save = h("button", { class: "primary", value: "yes" }, yes);
  save.addEventListener("click", async (event) => {
    const form = save.closest("form");
    if (!form.checkValidity()) return; // the browser says what is wrong
    event.preventDefault();
    save.disabled = true;
    try {
      await action();
      save.closest("dialog").close("yes");
    } catch (error) {
      say(problem, error.message);
    } finally {
      save.disabled = false;
    }
  });
  return (await ask(title, h("div", {}, body, problem), [cancelButton(), save])) === "yes";
}
