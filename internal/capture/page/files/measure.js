// What a small grey picture says of light, sharpness, reflections and movement. Pictures are {width, height, grey}, grey 0 to 255 by rows.
// The bounds were set on generated documents and faces, sharp and blurred, bright and dark; see docs/decisions/0016.

/** The mean grey below which a picture is too dark, and above which it is too bright. */
export const DARK = 55;
export const BRIGHT = 215;
/** The variance of the Laplacian below which nothing in a picture is sharp: of a document 640 pixels wide, of a face 320 pixels wide. */
export const BLURRED_DOCUMENT = 60;
export const BLURRED_FACE = 6;
/** The share of pixels in a reflection from which it covers something. */
export const GLARE = 0.015;
/** The mean difference of grey between two pictures from which the camera or the person moves. */
export const MOVING_DOCUMENT = 5;
export const MOVING_FACE = 12;
/** The share of cells that must show detail when a document fills its frame. */
export const FILLED = 0.6;
/** The least part of the oval's width that moves when a face fills it. */
export const FACE_WIDTH = 0.45;

/** Turns RGBA pixels into grey (luma of ITU-R BT.601). */
export function greyOf({ width, height, data }) {
  const grey = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4) {
    grey[i] = (299 * data[j] + 587 * data[j + 1] + 114 * data[j + 2]) / 1000;
  }
  return { width, height, grey };
}

/** The mean, and the share of pixels that are as good as white. */
export function light({ grey }) {
  let sum = 0;
  let white = 0;
  for (const value of grey) {
    sum += value;
    if (value >= 250) white++;
  }
  return { mean: sum / grey.length, white: white / grey.length };
}

function laplacian({ width, grey }, i) {
  return 4 * grey[i] - grey[i - 1] - grey[i + 1] - grey[i - width] - grey[i + width];
}

/** The variance of the Laplacian: high where there are sharp edges. */
export function sharpness(picture) {
  const { width, height } = picture;
  let sum = 0;
  let squares = 0;
  let n = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const value = laplacian(picture, y * width + x);
      sum += value;
      squares += value * value;
      n++;
    }
  }
  return squares / n - (sum / n) ** 2;
}

/** The share of a grid's cells that show detail: a document that fills its frame has print almost everywhere. */
export function filled(picture, columns = 8, rows = 5) {
  const { width, height } = picture;
  const sums = new Float64Array(columns * rows);
  const counts = new Uint32Array(columns * rows);
  for (let y = 1; y < height - 1; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 1; x < width - 1; x++) {
      const cell = row + Math.floor((x * columns) / width);
      sums[cell] += Math.abs(laplacian(picture, y * width + x));
      counts[cell]++;
    }
  }
  const busy = sums.filter((sum, i) => sum / counts[i] > 4).length;
  return busy / sums.length;
}

/** The mean difference of two pictures of one size. */
export function movement(a, b) {
  let sum = 0;
  for (let i = 0; i < a.grey.length; i++) sum += Math.abs(a.grey[i] - b.grey[i]);
  return sum / a.grey.length;
}

/** Where things have moved over some pictures: energy by column, to which each further picture adds. */
export class Moved {
  constructor(width) {
    this.columns = new Float64Array(width);
    this.pictures = 0;
  }

  add(a, b) {
    for (let i = 0; i < a.grey.length; i++) {
      const difference = Math.abs(a.grey[i] - b.grey[i]);
      if (difference > 8) this.columns[i % a.width] += difference; // less is the noise of a camera
    }
    this.pictures++;
  }

  /** The part of the width over which most of the movement spreads; null where too little moves to tell. */
  width() {
    const total = this.columns.reduce((sum, value) => sum + value, 0);
    if (this.pictures < 5 || total / (this.columns.length * this.pictures) < 2) return null;
    let left = 0;
    let right = this.columns.length - 1;
    for (let cut = total * 0.05; cut > this.columns[left]; left++) cut -= this.columns[left];
    for (let cut = total * 0.05; cut > this.columns[right]; right--) cut -= this.columns[right];
    return (right - left + 1) / this.columns.length;
  }
}

/** What is to be said of a document in its frame; "good" when nothing is wrong. */
export function judgeDocument(now, before) {
  const { mean, white } = light(now);
  if (mean < DARK) return "dark";
  if (mean > BRIGHT) return "bright";
  if (before && movement(now, before) > MOVING_DOCUMENT) return "still";
  if (sharpness(now) < BLURRED_DOCUMENT) return "blurred";
  if (filled(now) < FILLED) return "closer_card";
  if (white > GLARE) return "glare";
  return "good";
}

/** What is to be said of a face in its oval. */
export function judgeFace(now, before, moved) {
  const { mean } = light(now);
  if (mean < DARK) return "dark";
  if (mean > BRIGHT) return "bright";
  if (before && movement(now, before) > MOVING_FACE) return "still";
  if (sharpness(now) < BLURRED_FACE) return "blurred";
  const width = moved.width();
  if (width !== null && width < FACE_WIDTH) return "closer";
  return "good";
}
