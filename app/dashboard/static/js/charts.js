// People over time and a timeline of tracks as SVG; where people were as a coloured canvas.

import { trackColour, trackNumber } from "./colours.js";
import { h, s } from "./dom.js";
import { clock } from "./format.js";

const WIDTH = 760;
const NARROW = 470;
const LEFT = 34;

/** How many people there were, as an area. */
export function peopleChart(history) {
  const height = 170;
  const bottom = height - 22;
  const most = Math.max(4, ...history.people.map((point) => Math.ceil(point.people)));
  const x = across(history, WIDTH);
  const y = (count) => bottom - (count / most) * (bottom - 10);
  const runs = unbroken(history.people, 3 * history.every_s);
  const lines = [0, Math.ceil(most / 2), most].flatMap((count) => [
    s("line", { class: "grid-line", x1: LEFT, x2: WIDTH, y1: y(count), y2: y(count) }),
    s("text", { class: "axis", x: LEFT - 8, y: y(count) + 4, "text-anchor": "end" }, String(count)),
  ]);
  const drawn = runs.flatMap((run) => {
    const points = run.map((point) => `${x(point.at).toFixed(1)},${y(point.people).toFixed(1)}`);
    const ends = [x(run.at(-1).at), x(run[0].at)].map((at) => `${at.toFixed(1)},${bottom}`);
    return [
      s("path", { class: "area", d: `M${[...points, ...ends].join("L")}Z` }),
      s("path", { class: "curve", d: `M${points.join("L")}` }),
    ];
  });
  const busiest = Math.max(0, ...history.people.map((point) => point.people));
  return s(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `People over time, at most ${busiest}` },
    lines, drawn, timeAxis(history, x, height - 5, 5),
  );
}

/** A row a track: when it was seen. */
export function timelineChart(history, hue) {
  const row = 16;
  const height = row * history.tracks.length + 26;
  const x = across(history, NARROW);
  const rows = history.tracks.flatMap((line, index) => {
    const top = index * row + 3;
    const label = s("text", { class: "axis", x: LEFT - 8, y: top + 9, "text-anchor": "end" }, trackNumber(line.track));
    const stays = line.stays.map(({ begin, end }) =>
      s(
        "rect",
        { x: x(begin), y: top, width: Math.max(3, x(end) - x(begin)), height: row - 6, rx: 3, fill: trackColour(line.track, hue) },
        s("title", {}, `${line.track}: ${clock(begin)} to ${clock(end)}`),
      ),
    );
    return [label, ...stays];
  });
  const label = `Timeline of ${history.tracks.length} tracks`;
  const chart = s("svg", { class: "chart", viewBox: `0 0 ${NARROW} ${height}`, role: "img", "aria-label": label }, rows, timeAxis(history, x, height - 6, 3));
  return h("div", { class: "timeline", tabindex: 0, role: "group", "aria-label": label }, chart);
}

function across(history, width) {
  const span = Math.max(1, history.end - history.begin);
  return (at) => LEFT + ((at - history.begin) / span) * (width - LEFT);
}

function timeAxis(history, x, y, ticks) {
  const step = (history.end - history.begin) / (ticks - 1);
  return Array.from({ length: ticks }, (_, index) => {
    const at = history.begin + index * step;
    const anchor = index === 0 ? "start" : index === ticks - 1 ? "end" : "middle";
    return s("text", { class: "axis", x: x(at), y, "text-anchor": anchor }, clock(at));
  });
}

/** Split points where nothing was known in between. */
function unbroken(points, longest) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.at - run.at(-1).at <= longest) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

/** Paint where feet were over a picture: few is clear, many is hot. */
export function paintHeat(canvas, rows) {
  const height = rows.length;
  const width = rows[0]?.length ?? 0;
  Object.assign(canvas, { width, height });
  const most = Math.max(1, ...rows.flat());
  const image = new ImageData(width, height);
  rows.flat().forEach((count, index) => {
    const share = Math.sqrt(count / most);
    image.data.set([255, 235 * (1 - share) + 40, 60 * (1 - share), 215 * share], 4 * index);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
