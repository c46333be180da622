// Pictures and voice notes inside bubbles.

import { fileUrl } from "./api.js";
import { el, icon } from "./dom.js";

export function picture(content, kind) {
  const node = el("img", { class: kind === "sticker" ? "sticker" : "picture", alt: content.caption || "Photo", loading: "lazy" });
  show(node, content.id);
  return node;
}

export function film(content) {
  const node = el("video", { class: "picture", controls: true });
  show(node, content.id);
  return node;
}

async function show(node, mediaId) {
  try {
    node.src = await fileUrl(mediaId);
  } catch {
    node.replaceWith(el("div", { class: "card" }, "This file is no longer available"));
  }
}

export function voiceNote(content, onPlayed) {
  const player = new Audio();
  const button = el("button", { type: "button", "aria-label": "Play voice message" }, icon("play"));
  const wave = el("div", { class: "wave" }, ...Array.from({ length: 28 }, () => el("i")));
  const length = el("span", { class: "length" }, "0:00");
  const mic = el("span", { class: "mic" }, icon("mic"));
  const node = el("div", { class: "voice" }, button, wave, length, ...(content.voice ? [mic] : []));
  button.addEventListener("click", () => (player.paused ? player.play() : player.pause()).catch?.(() => {}));
  player.addEventListener("play", () => { label(button, "pause", "Pause voice message"); mic.classList.add("played"); onPlayed?.(); });
  player.addEventListener("pause", () => label(button, "play", "Play voice message"));
  player.addEventListener("loadedmetadata", () => { length.textContent = clock(player.duration); node.dataset.ready = "yes"; });
  player.addEventListener("timeupdate", () => progress(wave, player.currentTime / (player.duration || 1)));
  player.addEventListener("ended", () => progress(wave, 0));
  fileUrl(content.id).then((url) => { player.src = url; }, () => { button.disabled = true; });
  return node;
}

function label(button, name, text) {
  button.replaceChildren(icon(name));
  button.setAttribute("aria-label", text);
}

function progress(wave, share) {
  [...wave.children].forEach((bar, index) => bar.classList.toggle("played", index < share * wave.children.length));
}

function clock(seconds) {
  if (!Number.isFinite(seconds)) return "0:00";
  const whole = Math.max(1, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
