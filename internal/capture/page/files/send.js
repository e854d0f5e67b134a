// Talking to the service. Everything goes to this page's own address.
const here = location.pathname.replace(/\/$/, "");

/** An answer that is a refusal: its code, and which picture it is about. */
export class Refusal extends Error {
  constructor(body, status) {
    super(body?.error?.code ?? `status ${status}`);
    this.code = body?.error?.code ?? "internal";
    this.field = body?.error?.details?.field ?? "";
  }
}

/** Asks one of the page's routes. */
export async function ask(method, path, body) {
  const answer = await fetch(here + path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
    cache: "no-store",
    referrerPolicy: "no-referrer",
    credentials: "omit",
  });
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(json, answer.status);
  return json;
}

/** Sends pictures, and tells how much of them has gone: progress(0 to 1). fetch does not tell it. */
export function upload(path, body, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", here + path);
    request.setRequestHeader("Content-Type", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(new Refusal(request.response, request.status)));
    request.onerror = () => reject(new TypeError("network"));
    request.send(JSON.stringify(body));
  });
}

/** A blob in base64. */
export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
