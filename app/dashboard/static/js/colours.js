// A track's colour, the same as in drawn videos: hues of following numbers are far apart.

const GOLDEN_TURN = 0.381966;

/** A track's number: what stands behind the last dash. */
export const trackNumber = (track) => track.slice(track.lastIndexOf("-") + 1);

/** The colour of a track whose camera's colours begin at `hue` (in turns). */
export function trackColour(track, hue) {
  const number = Number(trackNumber(track));
  return vivid((hue + (Number.isFinite(number) ? number * GOLDEN_TURN : 0)) % 1);
}

function vivid(turns) {
  const saturation = 210 / 255;
  const channel = (offset) => {
    const k = (offset + turns * 6) % 6;
    const value = 1 - saturation * Math.max(0, Math.min(k, 4 - k, 1));
    return Math.round(255 * value);
  };
  return `rgb(${channel(5)} ${channel(3)} ${channel(1)})`;
}
