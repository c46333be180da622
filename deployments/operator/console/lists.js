// The lists on the left: who waits, who is with whom, who wrote lately.

import { el, since } from "./dom.js";

export const WHICH = ["waiting", "taken", "recent"];
const TITLES = { waiting: "Waiting for a person", taken: "With a person", recent: "Wrote lately" };
const NOBODY = { waiting: "Nobody waits.", taken: "Nobody is with a person.", recent: "Nobody else." };

// Each conversation once, in the first list that it stands in.
export function distinct(pages) {
  const seen = new Set();
  return Object.fromEntries(WHICH.map((which) => {
    const found = pages[which].filter((one) => !seen.has(one.id));
    for (const one of found) seen.add(one.id);
    return [which, found];
  }));
}

export function renderLists(place, lists, openId, onOpen) {
  const focused = document.activeElement?.dataset?.conversation;
  place.replaceChildren(...WHICH.map((which) => section(which, lists[which], openId, onOpen)));
  if (focused) place.querySelector(`[data-conversation="${CSS.escape(focused)}"]`)?.focus();
}

function section(which, conversations, openId, onOpen) {
  const items = conversations.map((one) => el("li", {}, button(which, one, openId, onOpen)));
  return el("section", { class: `list list-${which}` },
    el("h2", {}, TITLES[which], which === "waiting" && items.length ? el("b", {}, String(items.length)) : null),
    items.length ? el("ul", {}, ...items) : el("p", { class: "nobody" }, NOBODY[which]));
}

function button(which, one, openId, onOpen) {
  const note = one.taken_by ? `with ${one.taken_by}` : which === "waiting" ? `waits ${since(one.since)}` : `${since(one.last_inbound_at)} ago`;
  return el("button", {
    type: "button", class: "conversation", dataset: { conversation: one.id },
    "aria-current": String(one.id === openId), onclick: () => onOpen(one.id), onkeydown: move,
  },
  el("strong", {}, one.contact), el("span", { class: "tenant" }, one.tenant), el("span", { class: "note" }, note));
}

// Up and down walk through all lists.
function move(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...document.querySelectorAll("button.conversation")];
  all[all.indexOf(event.currentTarget) + step]?.focus();
}
