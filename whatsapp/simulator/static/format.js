// WhatsApp's own formatting, as nodes: *bold* _italic_ ~struck~ `code` ```block```, and links.

import { el } from "./dom.js";

const MARKS = [
  { tag: "code", pattern: /```([\s\S]+?)```/, isLeaf: true },
  { tag: "code", pattern: /`([^`\n]+)`/, isLeaf: true },
  { tag: "a", pattern: /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)*_~]/, isLeaf: true },
  { tag: "strong", pattern: /(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]*[^*\s])\*(?![\p{L}\p{N}*])/u },
  { tag: "em", pattern: /(?<![\p{L}\p{N}_])_(?=\S)([^_\n]*[^_\s])_(?![\p{L}\p{N}_])/u },
  { tag: "s", pattern: /(?<![\p{L}\p{N}~])~(?=\S)([^~\n]*[^~\s])~(?![\p{L}\p{N}~])/u },
];

export function formatted(text) {
  let first = null;
  for (const mark of MARKS) {
    const match = mark.pattern.exec(text);
    if (match && (first === null || match.index < first.match.index)) first = { mark, match };
  }
  if (first === null) return text ? [document.createTextNode(text)] : [];
  const { mark, match } = first;
  const before = text.slice(0, match.index);
  const after = text.slice(match.index + match[0].length);
  return [...(before ? [document.createTextNode(before)] : []), marked(mark, match), ...formatted(after)];
}

function marked(mark, match) {
  if (mark.tag === "a") return el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]);
  return el(mark.tag, {}, ...(mark.isLeaf ? [match[1]] : formatted(match[1])));
}
