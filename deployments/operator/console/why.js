// Why the bot said this: what it was asked, where it found the answer, what answered, and where the time went.

import { el } from "./dom.js";

const RUNGS = {
  model: "the generative model", extract: "sentences of the passages, word for word",
  phrase: "fixed words that need no knowledge", holding: "the holding text: nothing could be said in time",
};

export function renderWhy(why) {
  return el("div", { class: "why" },
    facts(why),
    el("h4", {}, why.passages.length ? "Found in" : "No passage was used"),
    ...why.passages.map(passage),
    steps(why.step_ms));
}

function facts(why) {
  const rows = [
    ["Asked as", why.question],
    ["Model", why.model ?? "none"],
    ["Rung", why.rung ? `${why.rung}: ${RUNGS[why.rung] ?? ""}` : "none"],
    ["Confidence", why.confidence === null ? "not told" : `${Math.round(why.confidence * 100)} %`],
    ["Prompt", why.prompt_version],
    ["Abstained", why.abstained ? "yes: the knowledge held no answer" : null],
    ["Asked for a person", why.wants_person ? "yes" : null],
  ];
  const shown = rows.filter(([, value]) => value);
  return el("dl", {}, ...shown.flatMap(([title, value]) => [el("dt", {}, title), el("dd", {}, value)]));
}

function passage(one) {
  const page = one.page === null ? "" : `, page ${one.page}`;
  return el("figure", { class: "passage" },
    el("figcaption", {}, `${one.title}${page}`),
    el("blockquote", {}, one.text ?? "This document has been replaced or removed since."));
}

function steps(stepMs) {
  const entries = Object.entries(stepMs);
  if (!entries.length) return null;
  const row = ([step, value]) => el("tr", {}, el("th", { scope: "row" }, step), el("td", {}, `${value.toFixed(1)} ms`));
  return el("table", {}, el("caption", {}, "Where the time went"), el("tbody", {}, ...entries.map(row)));
}
