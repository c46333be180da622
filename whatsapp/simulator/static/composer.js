// The row at the foot of a chat: text, emoji, attachments, the message that is being answered.

import { upload } from "./api.js";
import { kindName } from "./bubbles.js";
import { el, icon } from "./dom.js";
import { attachBox, emojiBox } from "./sheets.js";

export class Composer {
  // `say(body)` sends one message of the user and resolves when it is accepted.
  constructor(say) {
    this.say = say;
    this.answering = null;
    this.field = el("textarea", { rows: 1, placeholder: "Message", maxLength: 65536, "aria-label": "Type a message" });
    this.head = el("div", {});
    this.notice = el("p", { class: "notice", role: "alert", hidden: true });
    this.emoji = el("button", { type: "button", "aria-label": "Emoji", onclick: () => this.toggle(this.emojiPopover()) }, icon("smile"));
    this.clip = el("button", { type: "button", "aria-label": "Attach", onclick: () => this.toggle(this.attachments()) }, icon("attach"));
    const send = el("button", { type: "submit", class: "round", "aria-label": "Send" }, icon("send"));
    this.node = el("form", { class: "composer" }, this.head, this.notice,
      el("div", { class: "composer-row" }, el("div", { class: "field" }, this.emoji, this.field, this.clip), send));
    this.node.addEventListener("submit", (event) => { event.preventDefault(); this.sendText(); });
    this.node.addEventListener("keydown", (event) => { if (event.key === "Escape") { this.close(); this.answer(null); } });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.sendText(); }
    });
    this.field.addEventListener("input", () => this.grow());
  }

  answer(message, who) {
    this.answering = message;
    this.head.replaceChildren();
    if (!message) return;
    const cancel = el("button", { type: "button", "aria-label": "Cancel reply", onclick: () => this.answer(null) }, icon("close"));
    this.head.append(el("div", { class: "answering" },
      el("div", { class: `quote ${message.by === "user" ? "of-me" : ""}` }, el("b", {}, who), el("span", {}, message.text || kindName(message.kind))), cancel));
    this.field.focus();
  }

  async sendText() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.grow();
    if (!(await this.send({ type: "text", text: { body: text } }))) this.field.value = text;
  }

  async send(body) {
    const answered = this.answering;
    this.close();
    this.answer(null);
    try {
      await this.say(answered ? { ...body, context: { message_id: answered.wamid } } : body);
      this.notice.hidden = true;
      return true;
    } catch (error) {
      this.notice.textContent = `Not sent: ${error.message}`;
      this.notice.hidden = false;
      return false;
    }
  }

  grow() {
    this.field.style.height = "44px";
    this.field.style.height = `${Math.min(120, this.field.scrollHeight)}px`;
  }

  toggle(popover) {
    const open = this.node.querySelector(".popover");
    this.close();
    if (open?.className === popover.className) return;
    this.node.append(popover);
    popover.querySelector("button")?.focus();
  }

  close() {
    this.node.querySelector(".popover")?.remove();
  }

  emojiPopover() {
    return emojiBox((one) => {
      this.field.setRangeText(one, this.field.selectionStart, this.field.selectionEnd, "end");
      this.close();
      this.field.focus();
    });
  }

  attachments() {
    return attachBox([
      ["Photo", "image", "", () => this.choose("image/jpeg,image/png", "image")],
      ["Sample photo", "image", "", () => this.sendSample("/samples/image.png", "image")],
      ["Document", "file", "is-file", () => this.choose("", "document")],
      ["Voice note", "mic", "is-voice", () => this.choose("audio/*", "audio")],
      ["Sample voice note", "mic", "is-voice", () => this.sendSample("/samples/voice.ogg", "audio")],
      ["Location", "place", "is-place", () => this.send({ type: "location", location: { latitude: 40.4168, longitude: -3.7038, name: "Puerta del Sol" } })],
    ]);
  }

  choose(accept, kind) {
    const picker = el("input", { type: "file", accept, hidden: true });
    picker.addEventListener("change", () => { if (picker.files[0]) this.sendFile(picker.files[0], picker.files[0].name, kind); picker.remove(); });
    picker.addEventListener("cancel", () => picker.remove());
    this.node.append(picker);
    picker.click();
  }

  async sendSample(path, kind) {
    const blob = await (await fetch(path)).blob();
    await this.sendFile(blob, path.split("/").pop(), kind);
  }

  async sendFile(blob, name, kind) {
    try {
      const id = await upload(blob, name);
      const caption = kind === "audio" ? undefined : this.field.value.trim() || undefined;
      const content = kind === "audio" ? { id, voice: true } : { id, caption, filename: name };
      if (await this.send({ type: kind, [kind]: content }) && caption) { this.field.value = ""; this.grow(); }
    } catch (error) {
      this.notice.textContent = `Not sent: ${error.message}`;
      this.notice.hidden = false;
    }
  }
}
