// Makes elements from text and nodes only: no HTML is ever parsed, so a hostile text stays a text.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

const CLOCK = { hour: "2-digit", minute: "2-digit" };

// The hour today, the day before that.
export function time(instant) {
  const at = new Date(instant);
  const isToday = at.toDateString() === new Date().toDateString();
  const text = isToday ? at.toLocaleTimeString([], CLOCK) : at.toLocaleString([], { day: "numeric", month: "short", ...CLOCK });
  return el("time", { dateTime: instant, title: at.toLocaleString() }, text);
}

export function since(instant) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(instant)) / 60000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}
