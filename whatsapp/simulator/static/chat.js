// One conversation on one phone: its messages, kept in the order shown.

import { call } from "./api.js";
import { bubbleRow, kindName, showReactions, showStatus } from "./bubbles.js";
import { Composer } from "./composer.js";
import { announce, el } from "./dom.js";
import { emojiBox, listSheet } from "./sheets.js";

const KEPT_ROWS = 400;

export class Chat {
  constructor(user, number) {
    this.user = user;
    this.number = number;
    this.onTyping = () => {}; // told whether the business is typing
    this.messages = new Map(); // wamid -> { message, row }
    this.unread = 0;
    this.log = el("div", { class: "messages", role: "log", tabIndex: 0, "aria-label": `Chat with ${number.name}` });
    this.composer = new Composer((body) => call("POST", "/simulator/messages", { from: user.id, to: number.phone_number_id, ...body }));
    this.node = el("div", { hidden: true, class: "chat" }, this.log, this.composer.node);
    this.names = { user: user.name, business: number.name };
  }

  async load() {
    const path = `/simulator/conversations/${this.user.id}/${this.number.phone_number_id}`;
    const { messages, typing_s: typing } = await call("GET", path);
    this.log.replaceChildren();
    this.messages.clear();
    for (const message of messages) this.add(message, false);
    this.typing(typing);
    this.scroll();
  }

  get last() {
    return [...this.messages.values()].at(-1)?.message;
  }

  add(message, isNew = true) {
    if (message.kind === "reaction" || this.messages.has(message.wamid)) return;
    if (this.messages.size === 0) this.log.append(el("div", { class: "day" }, "Today"));
    const isFirst = this.last?.by !== message.by;
    if (message.by === "business") this.typing(0);
    const row = bubbleRow(message, this.names, this.acts());
    row.classList.toggle("first", isFirst);
    const typingRow = this.log.querySelector(".row.is-typing");
    this.log.insertBefore(row, typingRow);
    this.messages.set(message.wamid, { message, row });
    this.trim();
    this.scroll();
    if (isNew && message.by === "business") announce(`${this.number.name} to ${this.user.name}: ${message.text || kindName(message.kind)}`);
  }

  trim() {
    if (this.messages.size <= KEPT_ROWS) return;
    const [wamid, { row }] = this.messages.entries().next().value;
    row.remove();
    this.messages.delete(wamid);
  }

  status({ wamid, status, times }) {
    const kept = this.messages.get(wamid);
    if (!kept) return;
    Object.assign(kept.message, { status, times });
    showStatus(kept.row, status);
  }

  reactions({ wamid, reactions }) {
    const kept = this.messages.get(wamid);
    if (!kept) return;
    kept.message.reactions = reactions;
    showReactions(kept.row, reactions);
    this.scroll();
  }

  typing(seconds) {
    clearTimeout(this.typingTimer);
    this.log.querySelector(".row.is-typing")?.remove();
    this.onTyping(seconds > 0);
    if (!(seconds > 0)) return;
    this.log.append(el("div", { class: "row theirs first is-typing", role: "status", "aria-label": `${this.number.name} is typing` },
      el("div", { class: "bubble typing" }, el("i"), el("i"), el("i"))));
    this.typingTimer = setTimeout(() => this.typing(0), seconds * 1000);
    this.scroll();
  }

  // Blue ticks for the business: the chat is open, so all it said is read.
  async seen() {
    this.unread = 0;
    const unread = [...this.messages.values()].map((kept) => kept.message).filter((m) => m.by === "business" && !m.times.read && !m.isSeen);
    if (!unread.length) return;
    for (const message of unread) message.isSeen = true;
    await call("POST", "/simulator/receipts", { wamid: unread.at(-1).wamid, state: "read" }).catch(() => {});
  }

  scroll() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  acts() {
    return {
      reply: (message) => this.composer.answer(message, message.by === "user" ? "You" : this.number.name),
      react: (message) => this.composer.toggle(emojiBox((emoji) => this.react(message, emoji))),
      press: (message, choice) => this.composer.send({ type: "press", message_id: message.wamid, choice_id: choice }),
      openList: (message) => this.openList(message),
      jump: (wamid) => this.messages.get(wamid)?.row.scrollIntoView({ block: "center", behavior: "smooth" }),
      played: (message) => call("POST", "/simulator/receipts", { wamid: message.wamid, state: "played" }).catch(() => {}),
    };
  }

  react(message, emoji) {
    const isSame = message.reactions.user === emoji;
    this.composer.send({ type: "reaction", reaction: { message_id: message.wamid, emoji: isSame ? "" : emoji } });
  }

  openList(message) {
    const sheet = listSheet(message, (row) => this.acts().press(message, row));
    this.node.append(sheet);
    sheet.querySelector("input")?.focus();
  }
}
