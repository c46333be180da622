// One message as WhatsApp draws it.

import { fileUrl } from "./api.js";
import { el, icon, ticks } from "./dom.js";
import { formatted } from "./format.js";
import { film, picture, voiceNote } from "./media.js";

export function timeOf(message) {
  const seconds = message.times.accepted;
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

// `acts`: reply(message), react(message), press(message, choiceId), openList(message), jump(wamid), played(message)
export function bubbleRow(message, names, acts) {
  const isMine = message.by === "user";
  const bubble = el("div", { class: "bubble" }, quote(message, names, acts), ...inside(message, acts), meta(message), tools(message, acts));
  const row = el("div", { class: `row ${isMine ? "mine" : "theirs"}`, role: "article", dataset: { wamid: message.wamid, kind: message.kind } }, bubble);
  row.setAttribute("aria-label", `${isMine ? names.user : names.business}, ${timeOf(message)}`);
  row.append(...choices(message, acts));
  showReactions(row, message.reactions);
  return row;
}

export function showStatus(row, status) {
  row.querySelector(".meta svg")?.replaceWith(ticks(status));
}

export function showReactions(row, reactions) {
  row.querySelector(".reactions")?.remove();
  const emoji = Object.values(reactions);
  row.classList.toggle("reacted", emoji.length > 0);
  if (emoji.length) row.querySelector(".bubble").append(el("div", { class: "reactions", "aria-label": `Reactions: ${emoji.join(" ")}`, role: "img" }, ...emoji));
}

function quote(message, names, acts) {
  if (!message.quoted) return null;
  const who = message.quoted.by === "user" ? "You" : names.business;
  const text = message.quoted.text || kindName(message.quoted.kind);
  return el("button", { type: "button", class: `quote ${message.quoted.by === "user" ? "of-me" : ""}`, onclick: () => acts.jump(message.reply_to) },
    el("b", {}, who), el("span", {}, ...withoutLinks(text)));
}

// A quote is a button, and a button may hold no link.
function withoutLinks(text) {
  return formatted(text).map((node) => (node.nodeName === "A" ? node.textContent : node));
}

function meta(message) {
  return el("span", { class: "meta" }, el("time", {}, timeOf(message)), message.by === "user" ? ticks(message.status) : null);
}

function tools(message, acts) {
  return el("span", { class: "tools" },
    el("button", { type: "button", "aria-label": "Reply to this message", onclick: () => acts.reply(message) }, icon("reply")),
    el("button", { type: "button", "aria-label": "React to this message", onclick: () => acts.react(message) }, icon("smile")));
}

const body = (text) => el("span", { class: "body" }, ...formatted(text));

function inside(message, acts) {
  const content = message.content;
  const caption = content.caption ? [body(content.caption)] : [];
  switch (message.kind) {
    case "text": return [body(content.body)];
    case "image": case "sticker": return [picture(content, message.kind), ...caption];
    case "video": return [film(content), ...caption];
    case "audio": return [voiceNote(content, message.by === "business" ? () => acts.played(message) : null)];
    case "document": return [documentCard(content), ...caption];
    case "location": return [locationCard(content)];
    case "contacts": return content.cards.map((card) => el("div", { class: "card" }, `Contact: ${card.name?.formatted_name ?? ""}`));
    case "interactive": return interactive(content);
    case "template": return [body(templateText(content))];
    default: return [body(message.text || kindName(message.kind))];
  }
}

function interactive(content) {
  const reply = content.button_reply ?? content.list_reply;
  if (reply) return [body(reply.title), reply.description ? el("div", { class: "footer" }, reply.description) : null];
  const header = content.header;
  const top = header?.type === "text" ? [el("div", { class: "heading" }, header.text)] : [];
  if (header?.type === "image" && header.image?.id) top.push(picture(header.image, "image"));
  return [...top, body(content.body?.text ?? ""), content.footer ? el("div", { class: "footer" }, content.footer.text) : null];
}

function templateText(content) {
  const values = (content.components ?? []).flatMap((component) => (component.parameters ?? []).map((one) => one.text ?? one.payload ?? ""));
  return [`Template ${content.name}`, ...values].join("\n");
}

function documentCard(content) {
  const link = el("a", { class: "card", download: content.filename ?? "file" }, icon("file"), content.filename ?? "Document");
  fileUrl(content.id).then((url) => { link.href = url; }, () => {});
  return link;
}

function locationCard(content) {
  const label = content.name || content.address || "Location";
  return el("div", { class: "card" }, el("b", {}, label), el("div", {}, `${content.latitude}, ${content.longitude}`));
}

function choices(message, acts) {
  const action = message.by === "business" ? message.content.action : null;
  if (!action) return [];
  const buttons = [];
  for (const button of action.buttons ?? []) {
    buttons.push(el("button", { type: "button", dataset: { choice: button.reply.id }, onclick: (event) => { event.currentTarget.disabled = true; acts.press(message, button.reply.id); } }, icon("reply"), button.reply.title));
  }
  if (action.sections) buttons.push(el("button", { type: "button", "aria-haspopup": "dialog", onclick: () => acts.openList(message) }, icon("list"), action.button));
  if (action.name === "cta_url" && /^https?:\/\//i.test(action.parameters.url)) {
    buttons.push(el("a", { href: action.parameters.url, target: "_blank", rel: "noopener noreferrer nofollow" }, icon("link"), action.parameters.display_text));
  }
  return buttons.length ? [el("div", { class: "choices", role: "group", "aria-label": "Choices" }, ...buttons)] : [];
}

export function kindName(kind) {
  const names = { image: "Photo", audio: "Voice message", video: "Video", document: "Document", sticker: "Sticker", location: "Location", contacts: "Contact", interactive: "Message", template: "Template" };
  return names[kind] ?? `(${kind})`;
}
