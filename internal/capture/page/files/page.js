// The way through the page: consent, face, document, review, sending, result.
import { Camera, canOpen } from "./camera.js";
import { ask, base64, Refusal, upload } from "./send.js";

const $ = (id) => document.getElementById(id);
const setup = JSON.parse($("setup").textContent);
const camera = new Camera({ video: $("video"), guide: $("guide"), stage: $("stage") });

/** Frames of a recording without a challenge, and the pause between two, in milliseconds: three seconds, in which a person blinks. */
const FRAMES = 12;
const PAUSE = 250;
/** With a challenge, all frames together, of which one is taken before the first action and one after the last. */
const MOST_FRAMES = 32;
const ACTION_FRAMES = 9;
const ACTION_PAUSE = 300;
/** The part of an action's frames for the way back to looking straight. */
const RETURN = 1 / 3;
/** A picture that the service takes (types, bytes, pixels, pixels a side); other files that the browser can read are coded anew here, and smaller. */
const TAKEN = ["image/jpeg", "image/png", "image/webp"];
const MOST_BYTES = 9_500_000;
const MOST_PIXELS = 40_000_000;
const MOST_SIDE = 12_000;
const LARGE_SIDE = 4000;
const LEAST_SIDE = 200;
/** Hints are said to those who listen no more often than this. */
const HINT_EVERY = 1200;
/** How long the page waits for the end of the verification before it lets the person go. */
const PATIENCE = 90_000;

const state = {
  language: setup.language,
  sides: setup.sides,
  files: !canOpen(), // pictures come from files
  reason: "file_missing",
  pictures: {}, // selfie: blobs; front, back: one blob each
  challenge: null,
  step: null, // selfie, front or back
  reviewing: false,
};

// Texts.

function t(key) {
  const text = setup.texts[state.language].words[key] ?? key;
  return text.replaceAll("{company}", () => setup.company);
}

/** Gives an element a text that follows the language. */
function say(element, key) {
  element.dataset.text = key;
  element.textContent = key ? t(key) : "";
}

function speak(language) {
  state.language = language;
  document.documentElement.lang = language;
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) say(element, element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  for (const element of document.querySelectorAll("[data-alternative]")) element.alt = t(element.dataset.alternative);
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === language));
  for (const element of document.querySelectorAll("[data-said]")) element.textContent = JSON.parse(element.dataset.said)[language];
  $("consent-text").replaceChildren(...setup.texts[language].consent.map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text.replaceAll("{company}", () => setup.company);
    return paragraph;
  }));
  tellStep();
}

// Screens.

const steps = () => {
  const sides = state.sides === "both" ? ["front", "back"] : ["front"];
  // A challenge lasts three minutes, which documents would use up: with one, the face comes last.
  return setup.challenge ? [...sides, "selfie"] : ["selfie", ...sides];
};

function tellStep() {
  const at = state.reviewing || !state.step ? -1 : steps().indexOf(state.step);
  $("step").hidden = at < 0;
  $("step").textContent = at < 0 ? "" : t("step").replace("{n}", at + 1).replace("{of}", steps().length);
}

function show(id) {
  if (id !== "camera") camera.close();
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  tellStep();
  $(`${id}-heading`).focus();
  scrollTo(0, 0);
}

function complain(key) {
  $("problem").hidden = !key;
  say($("problem"), key ?? "");
}

/** Goes to the first picture that is missing, or to the review. */
function proceed() {
  const missing = steps().find((step) => !state.pictures[step]);
  if (missing) return picture(missing);
  state.step = null;
  state.reviewing = true;
  return review();
}

async function picture(step) {
  state.step = step;
  if (!state.files) return shootWithCamera(step);
  if (step === "selfie" && setup.challenge) return show("needed");
  return chooseFile(step);
}

// The camera.

let hinted = 0;

function hint(key, urgent) {
  const element = $("hint");
  if (element.dataset.text === key) return;
  if (!urgent && performance.now() - hinted < HINT_EVERY) return;
  hinted = performance.now();
  say(element, key);
}

async function shootWithCamera(step) {
  const selfie = step === "selfie";
  say($("camera-heading"), step);
  say($("camera-text"), selfie && setup.challenge ? "challenge_text" : `${step}_text`);
  say($("shoot"), selfie ? "start" : "take");
  $("shoot").disabled = true;
  $("to-file").hidden = selfie && setup.challenge;
  hint("hint_wait", true);
  show("camera");
  let turn = 0;
  try {
    const opening = camera.open(step);
    ({ turn } = camera);
    if (!(await opening)) return;
  } catch (fault) {
    if (state.step !== step || camera.turn !== turn) return; // the person has chosen a file meanwhile
    state.files = true;
    state.reason = fault.name === "NotAllowedError" ? "file_denied" : "file_missing";
    picture(step);
    return;
  }
  if (state.step !== step || !camera.stream) return;
  $("shoot").disabled = false;
  camera.watch((found) => hint(`hint_${found}`), selfie ? null : () => taken(step));
}

async function shoot() {
  const step = state.step;
  $("shoot").disabled = true;
  complain(null);
  if (step !== "selfie") return taken(step);
  camera.rest();
  const { turn } = camera;
  let frames;
  try {
    frames = setup.challenge ? await perform(turn) : await film();
  } catch (fault) {
    return camera.turn === turn ? refused(fault, () => picture("selfie")) : undefined;
  }
  if (camera.turn !== turn) return undefined; // it was closed or opened anew meanwhile
  state.pictures.selfie = frames;
  return next();
}

/** Another program or the telephone has taken the camera away: what was being recorded is no use, and the person begins that picture again. */
camera.lost = () => {
  complain("error_camera");
  picture(state.step);
};

/** A document's picture has become good, or the button was pressed; whichever is first. */
async function taken(step) {
  if (state.step !== step || state.pictures[step]) return;
  camera.rest();
  $("shoot").disabled = true;
  state.pictures[step] = await camera.take();
  hint("hint_taken", true);
  next();
}

function next() {
  complain(null);
  proceed();
}

async function film() {
  state.challenge = null;
  hint("recording", true);
  return camera.record(FRAMES, PAUSE);
}

/** Has the person perform the actions of a challenge, and gives the frames. */
async function perform(turn) {
  const challenge = await ask("POST", "/challenge");
  state.challenge = challenge.challenge_id;
  const each = Math.min(ACTION_FRAMES, Math.floor((MOST_FRAMES - 2) / challenge.actions.length));
  const back = Math.round(each * RETURN);
  hint("action_straight", true);
  await new Promise((resolve) => setTimeout(resolve, 1000)); // to read it
  const frames = await camera.record(1, ACTION_PAUSE);
  for (const action of challenge.actions) {
    if (camera.turn !== turn) break; // whoever opened it gives the hints now
    hint(`action_${action}`, true);
    frames.push(...await camera.record(each - back, ACTION_PAUSE));
    hint("action_straight", true);
    frames.push(...await camera.record(back, ACTION_PAUSE));
  }
  return [...frames, ...await camera.record(1, 0)];
}

// Files.

function chooseFile(step) {
  say($("file-text"), state.reason);
  say($("file-label"), `file_${step}`);
  $("file-input").value = "";
  $("file-input").setAttribute("capture", step === "selfie" ? "user" : "environment");
  $("to-camera").hidden = !canOpen();
  show("file");
}

async function choose() {
  const step = state.step;
  const [file] = $("file-input").files;
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    complain("file_unreadable");
    return;
  }
  if (Math.min(image.width, image.height) < LEAST_SIDE) {
    complain("file_small");
    return;
  }
  const fits = TAKEN.includes(file.type) && file.size <= MOST_BYTES && image.width * image.height <= MOST_PIXELS && Math.max(image.width, image.height) <= MOST_SIDE;
  const blob = fits ? file : await smaller(image);
  image.close();
  state.pictures[step] = step === "selfie" ? [blob] : blob;
  if (step === "selfie") state.challenge = null;
  state.reason = "file_chosen";
  next();
}

function smaller(image) {
  const scale = Math.min(1, LARGE_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
}

// Review.

let shown = []; // addresses of the pictures on the page

function review() {
  shown.forEach((address) => URL.revokeObjectURL(address));
  shown = [];
  $("pictures").replaceChildren(...steps().map((step) => {
    const item = document.createElement("li");
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const image = document.createElement("img");
    const button = document.createElement("button");
    const blobs = [state.pictures[step]].flat();
    const address = URL.createObjectURL(blobs[Math.floor(blobs.length / 2)]);
    shown.push(address);
    image.src = address;
    image.dataset.alternative = `picture_${step}`;
    image.alt = t(`picture_${step}`);
    say(caption, `picture_${step}`);
    button.type = "button";
    button.id = `retake-${step}`;
    say(button, `retake_${step}`);
    button.addEventListener("click", () => retake(step));
    figure.append(caption, image);
    item.append(figure, button);
    return item;
  }));
  show("review");
}

function retake(step) {
  state.reviewing = false;
  delete state.pictures[step];
  picture(step);
}

// Sending.

const fieldOf = { "/frames_base64": "selfie", "/image_live_base64": "selfie", "/image_front_base64": "front", "/image_back_base64": "back", "/challenge_id": "selfie" };

async function send() {
  complain(null);
  $("progress").value = 0;
  say($("sending-text"), "sending_text");
  show("sending");
  try {
    const body = {};
    const selfie = await Promise.all(state.pictures.selfie.map(base64));
    if (selfie.length > 1) body.frames_base64 = selfie;
    else [body.image_live_base64] = selfie;
    if (state.challenge) body.challenge_id = state.challenge;
    for (const side of steps().filter((step) => step !== "selfie")) body[`image_${side}_base64`] = await base64(state.pictures[side]);
    await upload("/pictures", body, (share) => { $("progress").value = share; });
  } catch (fault) {
    const now = await ask("GET", "/status").catch(() => null); // the pictures may have come although the answer did not
    if (now && now.status !== "open") {
      state.pictures = {};
      return end(await outcome());
    }
    refused(fault, review);
    return;
  }
  state.pictures = {};
  say($("sending-text"), "checking");
  $("progress").removeAttribute("value");
  end(await outcome());
}

/** Asks until the verification has ended. */
async function outcome() {
  const until = performance.now() + PATIENCE;
  for (let pause = 500; performance.now() < until; pause = Math.min(pause * 1.3, 3000)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const answer = await ask("GET", "/status").catch(() => null); // it goes on without us
    if (answer?.status === "done" || answer?.status === "retake") return answer;
  }
  return { status: "done" };
}

/** Says what went wrong, and goes on where it can be mended. */
function refused(fault, otherwise) {
  const slow = fault.code === "request_timeout"; // the line, and not the service
  const code = fault instanceof Refusal && !slow ? fault.code : "network";
  if (code === "gone" || code === "not_found") {
    location.reload(); // which shows the page that says so
    return;
  }
  const step = fieldOf[fault.field?.replace(/\/\d+$/, "")]; // of frames, the service names the one that it refuses
  if (code === "challenge_invalid") {
    complain("error_challenge");
    retake("selfie");
  } else if (step && steps().includes(step)) {
    complain("error_picture");
    retake(step);
  } else {
    const later = ["overloaded", "unavailable", "quota_exceeded", "rate_limited", "timeout"];
    complain(code === "network" ? "error_network" : later.includes(code) ? "error_later" : "error_other");
    otherwise();
  }
}

function end({ status, messages = [] }) {
  say($("result-heading"), status);
  say($("result-text"), `${status}_text`);
  $("messages").replaceChildren(...messages.map((text) => {
    const item = document.createElement("li");
    item.dataset.said = JSON.stringify(text);
    item.textContent = text[state.language];
    return item;
  }));
  if (setup.continue) {
    $("leave").href = setup.continue;
    $("leave").hidden = false;
  }
  state.step = null;
  show("result");
}

// Beginning.

async function agree() {
  $("agree").disabled = true;
  complain(null);
  try {
    await ask("POST", "/consent", { version: setup.consent_version, language: state.language });
  } catch (fault) {
    refused(fault, () => {});
    return;
  } finally {
    $("agree").disabled = false;
  }
  if (state.sides === "auto") show("choice");
  else proceed();
}

$("agree").addEventListener("click", agree);
$("choice-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.sides = new FormData(event.target).get("document");
  proceed();
});
$("shoot").addEventListener("click", shoot);
$("to-file").addEventListener("click", () => {
  state.files = true;
  state.reason = "file_chosen";
  picture(state.step);
});
for (const id of ["to-camera", "again"]) {
  $(id).addEventListener("click", () => {
    state.files = false;
    complain(null);
    picture(state.step);
  });
}
$("file-input").addEventListener("change", choose);
$("send").addEventListener("click", send);
for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => speak(button.dataset.language));
addEventListener("pagehide", () => camera.close());
addEventListener("resize", () => camera.stream && camera.video.videoWidth && camera.draw());

$("test").hidden = !setup.test;
speak(state.language);
show("consent");
