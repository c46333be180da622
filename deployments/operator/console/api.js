// Talks to the operator's routes under the token of whoever has signed in.

const TOKEN = "parley-operator-token";
const NAME = "parley-operator-name";
const LIMIT_MS = 12000; // longer than the service's own limit

// The service said no, and why; `who` has the conversation, where that is the reason.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.who = problem.taken_by;
  }
}

export const name = () => sessionStorage.getItem(NAME) ?? "";
export const isSignedIn = () => Boolean(sessionStorage.getItem(TOKEN) && name());

export function signIn(token, person) {
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.setItem(NAME, person);
}

export function signOut() {
  sessionStorage.removeItem(TOKEN);
}

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(LIMIT_MS),
  });
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

const of = (id) => `/conversations/${encodeURIComponent(id)}`;

export const list = (which, after) => call("GET", `/conversations?which=${which}${after ? `&after=${after}` : ""}`);
export const show = (id, before) => call("GET", `${of(id)}${before ? `?before=${before}` : ""}`);
export const why = (id, turn) => call("GET", `${of(id)}/turns/${encodeURIComponent(turn)}`);
export const take = (id, insteadOf) => call("POST", `${of(id)}/take`, { by: name(), instead_of: insteadOf });
export const handBack = (id) => call("POST", `${of(id)}/hand-back`, { by: name() });
export const reply = (id, text, requestId) => call("POST", `${of(id)}/reply`, { by: name(), text, request_id: requestId });

// Not crypto.randomUUID: browsers have it on https and localhost only.
export function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
