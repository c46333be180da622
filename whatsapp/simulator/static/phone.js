// One user's phone: a list of chats, or one chat.

import { kindName, timeOf } from "./bubbles.js";
import { Chat } from "./chat.js";
import { el, icon } from "./dom.js";

const COLOURS = ["#6a7f8c", "#c97b4a", "#4f8a6d", "#7a6bb0", "#b0567a", "#3f7fae"];

export class Phone {
  constructor(user, { onClose }) {
    this.user = user;
    this.chats = new Map(); // phone_number_id -> Chat
    this.current = null;
    this.head = el("header", { class: "chat-head" });
    this.stage = el("div", { class: "stage" });
    this.list = el("div", { class: "chats" });
    const close = el("button", { type: "button", "aria-label": `Put away ${user.name}'s phone`, onclick: onClose }, icon("close"));
    this.node = el("section", { class: "phone", "aria-label": `${user.name}'s phone`, dataset: { user: user.id } },
      el("div", { class: "owner" }, el("b", {}, user.name), identity(user), close), this.head, this.list, this.stage);
  }

  async load(numbers) {
    for (const number of numbers) await this.addNumber(number);
    if (!this.current && this.chats.size === 1) this.open([...this.chats.keys()][0]);
    else this.draw();
  }

  async addNumber(number) {
    let chat = this.chats.get(number.phone_number_id);
    if (!chat) {
      chat = new Chat(this.user, number);
      chat.onTyping = (isTyping) => { chat.isTyping = isTyping; this.drawHead(); };
      this.chats.set(number.phone_number_id, chat);
      this.stage.append(chat.node);
    }
    await chat.load();
  }

  open(numberId) {
    this.current = this.chats.has(numberId) ? numberId : null;
    this.draw();
    this.chats.get(this.current)?.scroll();
    this.see();
  }

  // Applies one event of this user; `number` says to which chat.
  apply(name, body) {
    const chat = this.chats.get(body.number);
    if (!chat) return;
    if (name === "message") {
      chat.add(body.message);
      if (body.message.by === "business") chat.unread += 1;
      this.see();
    } else if (name === "status") chat.status(body);
    else if (name === "reaction") chat.reactions(body);
    else if (name === "typing") chat.typing(body.seconds);
    if (!this.current) this.drawList();
  }

  // The open chat counts as read while somebody can see it.
  see() {
    const isVisible = document.visibilityState === "visible" && this.node.offsetParent !== null;
    if (isVisible && this.current) this.chats.get(this.current).seen();
  }

  draw() {
    for (const [id, chat] of this.chats) chat.node.hidden = id !== this.current;
    this.stage.hidden = !this.current;
    this.list.hidden = Boolean(this.current);
    this.drawHead();
    this.drawList();
  }

  drawHead() {
    const chat = this.chats.get(this.current);
    if (!chat) {
      this.head.replaceChildren(el("div", { class: "who" }, el("h2", {}, el("span", {}, "WhatsApp"))));
      return;
    }
    const back = el("button", { type: "button", class: "back", "aria-label": "Back to the chats", onclick: () => this.open(null) }, icon("back"));
    const line = chat.isTyping ? "typing…" : `Business account · ${chat.number.display_phone_number}`;
    this.head.replaceChildren(back, avatar(chat.number.name),
      el("div", { class: "who" }, el("h2", {}, el("span", {}, chat.number.name), icon("verified")), el("p", { class: "presence" }, line)));
  }

  drawList() {
    if (this.current) return;
    const rows = [...this.chats.values()].map((chat) => this.chatRow(chat));
    this.list.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty" }, "No business number yet. Add one with ./parley numbers add.")]));
  }

  chatRow(chat) {
    const last = chat.last;
    const text = chat.isTyping ? "typing…" : last ? last.text || kindName(last.kind) : "Tap to start a chat";
    return el("button", { type: "button", onclick: () => this.open(chat.number.phone_number_id) }, avatar(chat.number.name),
      el("span", { class: "line" }, el("b", {}, chat.number.name), el("span", { class: "last" }, text)),
      el("span", { class: "side" }, last ? timeOf(last) : "", chat.unread ? el("div", {}, el("span", { class: "badge", "aria-label": `${chat.unread} unread` }, String(chat.unread))) : null));
  }
}

function identity(user) {
  const name = user.phone ? `+${user.phone}` : "no phone number shared";
  return el("span", {}, user.username ? `@${user.username.replace(/^@/, "")} · ${name}` : name);
}

function avatar(name) {
  const node = el("div", { class: "avatar", "aria-hidden": "true" }, [...name][0]?.toUpperCase() ?? "?");
  const sum = [...name].reduce((total, character) => total + character.codePointAt(0), 0);
  node.style.backgroundColor = COLOURS[sum % COLOURS.length];
  return node;
}
