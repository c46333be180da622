// Talks to the control API; asks for the token once where one is needed.

let token = sessionStorage.getItem("parley-control-token") ?? "";
const fromLink = new URLSearchParams(location.hash.slice(1)).get("token");
if (fromLink) {
  keepToken(fromLink);
  history.replaceState(null, "", location.pathname);
}

export class Refused extends Error {}

function keepToken(value) {
  token = value;
  sessionStorage.setItem("parley-control-token", value);
}

let asking = null;
function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("token-dialog");
    dialog.addEventListener("close", () => {
      keepToken(document.getElementById("token").value.trim());
      asking = null;
      resolve();
    }, { once: true });
    document.getElementById("token").value = "";
    dialog.showModal();
  });
  return asking;
}

async function request(method, path, options = {}) {
  for (;;) {
    const headers = { ...options.headers };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { ...options, method, headers });
    if (response.status !== 401) return response;
    await askForToken();
  }
}

export async function call(method, path, body) {
  const options = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return readAnswer(await request(method, path, options));
}

export async function upload(blob, name) {
  const path = `/simulator/media?filename=${encodeURIComponent(name ?? "file")}`;
  const answer = await request("POST", path, { body: blob, headers: { "Content-Type": blob.type || "application/octet-stream" } });
  return (await readAnswer(answer)).id;
}

async function readAnswer(response) {
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

const files = new Map(); // media id -> promise of an object URL

export function fileUrl(mediaId) {
  if (!files.has(mediaId)) {
    files.set(mediaId, request("GET", `/simulator/media/${encodeURIComponent(mediaId)}`).then(async (response) => {
      if (!response.ok) throw new Refused("this file is gone");
      return URL.createObjectURL(await response.blob());
    }));
  }
  return files.get(mediaId);
}

// Server-sent events by fetch, because EventSource cannot carry a token. Never returns; reconnects by itself.
export async function watch(onEvent, onState) {
  let last = null;
  for (let failures = 0; ; failures += 1) {
    try {
      const response = await request("GET", last === null ? "/simulator/events" : `/simulator/events?after=${last}`);
      if (!response.ok) throw new Refused(`HTTP ${response.status}`);
      onState(true);
      failures = 0;
      for await (const event of readEvents(response.body)) {
        if (event.id !== undefined) last = event.id;
        await onEvent(event.name, event.body);
      }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Refused || error.name === "AbortError")) console.error(error);
    }
    onState(false);
    await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 400 * 2 ** failures)));
  }
}

async function* readEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = parseEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield event;
    }
  }
}

function parseEvent(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
  }));
  return fields.event ? { id: fields.id, name: fields.event, body: JSON.parse(fields.data || "{}") } : null;
}
