// Requests to the dashboard's own API.

/** An answer that is no success; its message is the sentence to show. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Send a request; give what the answer holds. */
export async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await sent(path, options);
  if (answer.status === 204) return null;
  const given = await answer.json().catch(() => ({}));
  if (answer.ok) return given;
  if (answer.status === 401 && path !== "login") {
    document.dispatchEvent(new CustomEvent("logged-out"));
  }
  throw new ApiError(answer.status, String(given.detail ?? `the answer was ${answer.status}`));
}

async function sent(path, options) {
  try {
    return await fetch(`api/${path}`, options);
  } catch {
    throw new ApiError(0, "the dashboard doesn't answer");
  }
}

export const get = (path) => call("GET", path);

/** A camera's path: names hold nothing that would need it, yet who knows. */
export const cameraPath = (name, more = "") => `cameras/${encodeURIComponent(name)}${more}`;
