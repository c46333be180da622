// One conversation: its lines, what people did, why the bot said something, and the reply.

import * as api from "./api.js";
import { el, since, time } from "./dom.js";
import { renderWhy } from "./why.js";

const NEAR_END_PX = 80;
const DEEDS = { took: "took over", "handed back": "handed back to the bot" };
const STATES = {
  queued: "waits to be sent", sending: "being sent", unknown: "perhaps sent", accepted: "taken by WhatsApp",
  sent: "sent", delivered: "delivered", read: "read", played: "played", failed: "failed",
};
const CLOSED = {
  closed: "To write here, take over first.",
  late: "The last message is older than 24 hours: WhatsApp takes no free text until the customer writes again.",
};
const OURS = "Write as the business";

export class ThreadView {
  #place;
  #act; // (work, told) => Promise: does it, tells what it refuses, and asks for news
  #onBack;
  #shown = ""; // what is on the page, to leave it alone while nothing changes
  #id = null;
  #conversation = null;
  #lines = new Map();
  #deeds = [];
  #before = null;
  #whys = new Map(); // turn -> node of an open one
  #drafts = new Map(); // conversation -> { text, requestId }

  constructor(place, act, onBack) {
    this.#place = place;
    this.#act = act;
    this.#onBack = onBack;
  }

  get id() {
    return this.#id;
  }

  open(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.#shown = "";
    this.#conversation = null;
    this.#lines.clear();
    this.#whys.clear();
    this.#before = null;
    this.#place.replaceChildren(el("p", { class: "nothing" }, id ? "Loading…" : "Choose a conversation."));
  }

  // Takes the newest page; tells whether something is new.
  update(thread) {
    const shown = JSON.stringify(thread);
    if (thread.conversation.id !== this.#id || shown === this.#shown) return false;
    if (!this.#shown) this.#before = thread.before;
    this.#shown = shown;
    this.#conversation = thread.conversation;
    this.#deeds = thread.deeds.filter((deed) => DEEDS[deed.act]);
    this.#keep(thread.lines);
    this.#render();
    return true;
  }

  #keep(lines) {
    for (const line of lines) this.#lines.set(line.id, line);
  }

  async #loadOlder() {
    const older = await api.show(this.#id, this.#before);
    this.#keep(older.lines);
    this.#before = older.before;
    this.#render(true);
  }

  // -- drawing ---------------------------------------------------------------------------------------------------------

  #render(staysAtTop = false) {
    const old = this.#place.querySelector(".lines");
    const isNearEnd = !old || old.scrollHeight - old.scrollTop - old.clientHeight < NEAR_END_PX;
    const fromEnd = old ? old.scrollHeight - old.scrollTop : 0;
    const focused = document.activeElement?.dataset?.key;
    const lines = this.#drawLines();
    this.#replace(this.#drawHead(), lines);
    lines.scrollTop = isNearEnd && !staysAtTop ? lines.scrollHeight : lines.scrollHeight - fromEnd;
    if (focused) this.#place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  // The foot stays while it may: nobody's typing is interrupted by a message that comes in.
  #replace(head, lines) {
    const kind = `${this.#id} ${this.#footKind()}`;
    const foot = this.#place.querySelector(".foot");
    if (foot?.dataset.kind === kind) {
      this.#place.querySelector(".thread-head").replaceWith(head);
      this.#place.querySelector(".lines").replaceWith(lines);
    } else {
      this.#place.replaceChildren(head, lines, el("div", { class: "foot", dataset: { kind } }, this.#drawFoot()));
    }
  }

  #drawHead() {
    const { contact, tenant, taken_by: person, since: asked } = this.#conversation;
    const isMine = person === api.name();
    const state = person ? `${isMine ? "You have" : `${person} has`} taken over: the bot is silent`
      : asked ? `Asked for a person ${since(asked)} ago; the bot answers until somebody takes over` : "The bot answers";
    const acts = isMine ? this.#button("hand-back", "Hand back", () => this.#act(() => api.handBack(this.#id), "Handed back to the bot"))
      : this.#button("take", person ? `Take over from ${person}` : "Take over", () => this.#act(() => api.take(this.#id, person), "You have taken over"));
    return el("header", { class: "thread-head" },
      el("button", { type: "button", class: "back", "aria-label": "Back to the list", onclick: this.#onBack }, "‹"),
      el("div", { class: "thread-title" }, el("h2", {}, contact, el("span", {}, tenant)), el("p", { role: "status" }, state)),
      acts);
  }

  #button(key, text, onclick) {
    return el("button", { type: "button", class: key === "take" ? "primary" : "second", dataset: { key }, onclick }, text);
  }

  #drawLines() {
    const deeds = this.#deeds.map((deed) => ({ at: deed.at, node: () => this.#drawDeed(deed) }));
    const lines = [...this.#lines.values()].map((line) => ({ at: line.at, node: () => this.#drawLine(line) }));
    const all = [...lines, ...deeds].sort((one, other) => new Date(one.at) - new Date(other.at));
    const older = this.#before ? el("button", { type: "button", class: "older", dataset: { key: "older" },
      onclick: () => this.#act(() => this.#loadOlder()) }, "Show earlier messages") : null;
    return el("div", { class: "lines", role: "log", "aria-label": "Messages", tabIndex: 0 }, older, ...all.map((one) => one.node()));
  }

  #drawDeed(deed) {
    return el("p", { class: "deed" }, `${deed.person} ${DEEDS[deed.act]}, `, time(deed.at));
  }

  #drawLine(line) {
    const isUser = line.by === "user" && !line.is_person;
    const side = isUser ? "theirs" : line.is_person ? "persons" : "bots";
    const author = isUser ? this.#conversation.contact : line.is_person ? line.by : "Bot";
    const kind = line.kind === "text" ? null : el("em", { class: "kind" }, line.kind);
    const text = line.text || line.kind !== "text" ? line.text : "(no text)";
    const state = isUser ? (line.state === "buried" ? "not answered" : "") : STATES[line.state] ?? line.state;
    const mark = [state, line.reason].filter(Boolean).join(": ");
    return el("article", { class: `line ${side}`, dataset: { line: line.id, state: line.state } },
      el("h3", {}, author), el("p", { class: "body" }, kind, text),
      el("footer", {}, time(line.at), mark ? el("span", { class: "state" }, mark) : null, this.#drawWhyButton(line)),
      line.turn_id ? this.#whys.get(line.turn_id) : null);
  }

  #drawWhyButton(line) {
    if (!line.turn_id) return null;
    const isOpen = this.#whys.has(line.turn_id);
    return el("button", { type: "button", class: "why-button", dataset: { key: `why-${line.id}` }, "aria-expanded": String(isOpen),
      onclick: () => this.#act(() => this.#toggleWhy(line.turn_id)) }, "Why this answer?");
  }

  async #toggleWhy(turnId) {
    if (!this.#whys.delete(turnId)) this.#whys.set(turnId, renderWhy(await api.why(this.#id, turnId)));
    this.#render(true);
  }

  #footKind() {
    const { taken_by: person, writable_until: until } = this.#conversation;
    if (person !== api.name()) return "closed";
    return until && new Date(until) > new Date() ? "open" : "late";
  }

  #drawFoot() {
    const reason = CLOSED[this.#footKind()];
    if (reason) return el("p", { class: "closed" }, reason);
    const draft = this.#draft();
    const field = el("textarea", { rows: 2, maxLength: 4096, "aria-label": OURS, placeholder: OURS, value: draft.text, dataset: { key: "field" } });
    field.addEventListener("input", () => this.#drafts.set(this.#id, { text: field.value, requestId: api.requestId() }));
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send(field);
    });
    const form = el("form", { class: "composer" }, field, el("button", { type: "submit", class: "primary", dataset: { key: "send" } }, "Send"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(field);
    });
    return form;
  }

  #draft() {
    return this.#drafts.get(this.#id) ?? { text: "", requestId: api.requestId() };
  }

  // The draft keeps its request id until it was taken: a second try is the same reply.
  async #send(field) {
    const id = this.#id;
    const { text, requestId } = this.#draft();
    if (!text.trim() || field.readOnly) return;
    field.readOnly = true;
    await this.#act(async () => {
      await api.reply(id, text, requestId);
      this.#drafts.delete(id);
      field.value = "";
    }, "Sent");
    field.readOnly = false;
  }
}
