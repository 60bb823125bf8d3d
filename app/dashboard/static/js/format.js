// Numbers and times as people read them.

/** Seconds as one or two words: "12 s", "5 min", "3 h", "2 d". */
export function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

/** When something was, by the server's clock. */
export function ago(at, now) {
  if (!at) return "never";
  return now - at < 5 ? "now" : `${duration(now - at)} ago`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

export const rate = (fps) => (fps >= 10 ? fps.toFixed(0) : fps.toFixed(1));

export const percent = (share) =>
  share > 0 && share < 0.01 ? "<1 %" : `${Math.round(100 * share)} %`;

export function bytes(count) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (count >= size) return `${(count / size).toFixed(count < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${count} B`;
}

export const people = (count) => {
  if (count === null || count === undefined) return "–";
  return count === 1 ? "1 person" : `${count} people`;
};

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const clock = (at) => CLOCK.format(new Date(1000 * at));
export const day = (at) => `${DAY.format(new Date(1000 * at))}, ${clock(at)}`;
export const whole = (count) => count.toLocaleString("en").replaceAll(",", "\u202f");
