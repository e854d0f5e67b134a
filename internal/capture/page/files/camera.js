// The camera: opening it, the guide over its picture, looking at what it shows, and taking pictures.
import { greyOf, judgeDocument, judgeFace, Moved } from "./measure.js";

/** Milliseconds between two looks at the picture. */
const LOOK_EVERY = 200;
/** How many looks in a row must be good before a document's picture is taken: a second. */
const STEADY = 5;
/** Width in pixels of what is looked at. */
const LOOK_WIDTH = { face: 320, document: 640 };
/** Longest side of a frame of a recording. */
const FRAME_SIDE = 1280;
/** JPEG qualities: of documents, whose print and traces are read, and of frames, of which there are many. */
const QUALITY = { face: 0.85, document: 0.92 };
/** Width to height of a passport's page (ICAO 9303-4) and of a card (ISO/IEC 7810 ID-1). */
const SHAPES = { front: 125 / 88, back: 85.6 / 53.98 };

export const canOpen = () => Boolean(navigator.mediaDevices?.getUserMedia);

export class Camera {
  constructor({ video, guide, stage }) {
    this.video = video;
    this.guide = guide;
    this.stage = stage;
    this.sheet = document.createElement("canvas");
    this.context = this.sheet.getContext("2d", { willReadFrequently: true });
    this.stream = null;
    this.turn = 0; // counts openings and closings, so that a camera that comes late is put out again
  }

  /** Opens the camera for a face, or for a side of a document, and says whether it is still wanted. Rejects as getUserMedia does. */
  async open(subject) {
    this.close();
    const { turn } = this;
    const face = subject === "selfie";
    const size = face ? { width: { ideal: 1280 }, height: { ideal: 720 } } : { width: { ideal: 1920 }, height: { ideal: 1080 } };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: face ? "user" : { ideal: "environment" }, ...size } });
    if (turn !== this.turn) {
      stream.getTracks().forEach((track) => track.stop());
      return false;
    }
    this.stream = stream;
    this.gone = new Promise((resolve) => { this.leave = resolve; });
    for (const track of stream.getTracks()) track.addEventListener("ended", () => turn === this.turn && this.lost?.()); // not by us: stop() tells nothing
    this.face = face;
    this.shape = SHAPES[subject];
    this.video.srcObject = stream;
    this.stage.classList.toggle("mirrored", face);
    await this.video.play();
    if (turn !== this.turn) return false; // it was closed meanwhile
    this.draw();
    return true;
  }

  close() {
    this.turn += 1;
    this.leave?.();
    clearInterval(this.looking);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.stage.classList.remove("good");
  }

  /** The part of the picture that the guide shows, in its own pixels. */
  region() {
    const { videoWidth: w, videoHeight: h } = this.video;
    const aspect = this.face ? 1 / 1.35 : this.shape;
    const height = Math.min(h * (this.face ? 0.78 : 0.88), (w * (this.face ? 0.8 : 0.92)) / aspect);
    const width = height * aspect;
    return { x: (w - width) / 2, y: (h - height) / 2, width, height, w, h };
  }

  draw() {
    const { x, y, width, height, w, h } = this.region();
    this.stage.style.aspectRatio = `${w} / ${h}`;
    this.guide.setAttribute("viewBox", `0 0 ${w} ${h}`);
    const rx = width / 2;
    const ry = height / 2;
    const corner = Math.min(w, h) * 0.03;
    const outline = this.face
      ? `M${x} ${y + ry}a${rx} ${ry} 0 1 0 ${width} 0a${rx} ${ry} 0 1 0 ${-width} 0z`
      : `M${x + corner} ${y}h${width - 2 * corner}q${corner} 0 ${corner} ${corner}v${height - 2 * corner}q0 ${corner} ${-corner} ${corner}h${2 * corner - width}q${-corner} 0 ${-corner} ${-corner}v${2 * corner - height}q0 ${-corner} ${corner} ${-corner}z`;
    const [shade, line] = this.guide.querySelectorAll("path");
    shade.setAttribute("d", `M0 0h${w}v${h}h${-w}z${outline}`);
    line.setAttribute("d", outline);
  }

  /** The part within the guide, in grey. */
  glimpse() {
    const { x, y, width, height } = this.region();
    const w = Math.min(Math.round(width), LOOK_WIDTH[this.face ? "face" : "document"]);
    const h = Math.round((w * height) / width);
    this.sheet.width = w;
    this.sheet.height = h;
    this.context.drawImage(this.video, x, y, width, height, 0, 0, w, h);
    return greyOf(this.context.getImageData(0, 0, w, h));
  }

  /** Looks again and again, and tells what it sees: say(hint), and steady() when a document has been good for a second. */
  watch(say, steady) {
    let before = null;
    let good = 0;
    let moved = null;
    clearInterval(this.looking);
    this.looking = setInterval(() => {
      if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || document.hidden) return;
      const now = this.glimpse();
      if (before && before.grey.length !== now.grey.length) before = null; // the device was turned
      if (!before) this.draw();
      moved ??= new Moved(now.width);
      if (before) moved.add(before, now);
      if (moved.pictures >= 15) moved = new Moved(now.width); // what moved three seconds ago tells nothing of now
      const hint = this.face ? judgeFace(now, before, moved) : judgeDocument(now, before);
      good = hint === "good" && before ? good + 1 : 0;
      before = now;
      this.stage.classList.toggle("good", hint === "good");
      say(hint);
      if (good >= STEADY && steady) {
        clearInterval(this.looking);
        steady();
      }
    }, LOOK_EVERY);
  }

  rest() {
    clearInterval(this.looking);
  }

  /** Takes one picture of the whole view, as a JPEG blob. */
  take() {
    const { videoWidth: w, videoHeight: h } = this.video;
    const scale = this.face ? Math.min(1, FRAME_SIDE / Math.max(w, h)) : 1;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", QUALITY[this.face ? "face" : "document"]);
    });
  }

  /** Waits for a picture that the camera has not shown yet, or for its end, after which there is none. */
  fresh() {
    return Promise.race([this.gone, new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(() => resolve());
      else requestAnimationFrame(() => resolve());
    })]);
  }

  /** Takes a number of different frames with a pause between them, oldest first; fewer where the camera is closed or opened anew meanwhile. */
  async record(count, pause) {
    const frames = [];
    const { turn } = this;
    let next = performance.now();
    for (let i = 0; i < count && this.stream && turn === this.turn; i++) {
      await this.fresh();
      if (turn !== this.turn) break;
      frames.push(await this.take());
      next += pause;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    }
    return frames;
  }
}
