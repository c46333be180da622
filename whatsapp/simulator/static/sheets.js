// What opens over a chat: the rows of a list, the attachments, the emoji.

import { el, icon } from "./dom.js";

export const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏", "😀", "😊", "😍", "😘", "😎", "🤔", "😅", "😉", "😴", "😡", "🎉", "🔥", "👏", "💪", "👋", "🙌", "✅", "❌", "⭐", "☕", "🍕", "🎂", "🚚", "📦", "💬", "🕐"];

// `onChoose(rowId)` runs once; Escape and the cross close without a choice.
export function listSheet(message, onChoose) {
  const action = message.content.action;
  const send = el("button", { type: "submit", class: "primary", disabled: true }, "Send");
  const form = el("form", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-label": action.button },
    el("div", { class: "sheet-head" }, el("button", { type: "button", "aria-label": "Close", onclick: () => back.remove() }, icon("close")), el("h3", {}, action.button)),
    ...action.sections.flatMap((section) => sectionRows(section, () => { send.disabled = false; })), send);
  const back = el("div", { class: "sheet-back" }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    back.remove();
    onChoose(new FormData(form).get("row"));
  });
  back.addEventListener("click", (event) => { if (event.target === back) back.remove(); });
  back.addEventListener("keydown", (event) => { if (event.key === "Escape") back.remove(); });
  return back;
}

function sectionRows(section, onPick) {
  const rows = section.rows.map((row) => el("label", {},
    el("span", {}, row.title, row.description ? el("small", {}, row.description) : null),
    el("input", { type: "radio", name: "row", value: row.id, onchange: onPick })));
  return section.title ? [el("h4", {}, section.title), ...rows] : rows;
}

export function emojiBox(onPick) {
  return el("div", { class: "popover emoji", role: "group", "aria-label": "Emoji" },
    ...EMOJI.map((one) => el("button", { type: "button", "aria-label": one, onclick: () => onPick(one) }, one)));
}

// `entries`: [label, icon name, class, action]
export function attachBox(entries) {
  return el("div", { class: "popover attach", role: "group", "aria-label": "Attachments" },
    ...entries.map(([label, name, kind, act]) => el("button", { type: "button", class: kind, onclick: act }, el("span", {}, icon(name)), label)));
}
