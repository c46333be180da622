// The page: which phones are on the table, and the stream of events that keeps them current.

import { call, watch } from "./api.js";
import { el } from "./dom.js";
import { Phone } from "./phone.js";

const at = (id) => document.getElementById(id);
const users = new Map(); // id -> user
const numbers = new Map(); // phone_number_id -> number
const phones = new Map(); // user id -> Phone
const OPENED_AT_FIRST = 3;
let isLoaded = false;

async function load() {
  const [foundNumbers, foundUsers] = await Promise.all([call("GET", "/simulator/numbers"), call("GET", "/simulator/users")]);
  numbers.clear();
  users.clear();
  for (const number of foundNumbers.numbers) numbers.set(number.phone_number_id, number);
  for (const user of foundUsers.users) users.set(user.id, user);
  for (const id of [...phones.keys()]) if (!users.has(id)) putAway(id);
  const remembered = JSON.parse(sessionStorage.getItem("parley-phones") ?? "null")?.filter((id) => users.has(id));
  const wanted = remembered?.length ? remembered : [...users.keys()].slice(-OPENED_AT_FIRST);
  drawBar();
  for (const id of wanted) await takeOut(id);
  isLoaded = true;
  document.body.dataset.ready = "yes";
  drawBar();
}

async function takeOut(id) {
  let phone = phones.get(id);
  if (!phone) {
    phone = new Phone(users.get(id), { onClose: () => { putAway(id); remember(); drawBar(); } });
    phones.set(id, phone);
    at("phones").append(phone.node);
  }
  await phone.load(numbers.values());
  const chosen = at("number").value;
  if (!phone.current && chosen) phone.open(chosen);
  if (isLoaded || phones.size === 1) bringForward(id);
  remember();
}

function putAway(id) {
  phones.get(id)?.node.remove();
  phones.delete(id);
  if (phones.size && !document.querySelector(".phone.is-current")) bringForward(phones.keys().next().value);
}

// On a narrow screen one phone is shown at a time.
function bringForward(id) {
  for (const [other, phone] of phones) phone.node.classList.toggle("is-current", other === id);
  drawTabs();
  phones.get(id)?.see();
}

function remember() {
  sessionStorage.setItem("parley-phones", JSON.stringify([...phones.keys()]));
}

function drawBar() {
  const chosen = at("number").value;
  at("number").replaceChildren(...[...numbers.values()].map((number) => el("option", { value: number.phone_number_id }, number.name)));
  if (numbers.has(chosen)) at("number").value = chosen;
  const others = [...users.values()].filter((user) => !phones.has(user.id)).reverse();
  at("people").replaceChildren(el("option", { value: "" }, others.length ? "Take out…" : "All are out"), ...others.map((user) => el("option", { value: user.id }, user.name)));
  at("people").disabled = !others.length;
  drawTabs();
  drawWelcome();
}

function drawTabs() {
  at("tabs").replaceChildren(...[...phones.entries()].map(([id, phone]) => el("button", {
    type: "button", "aria-pressed": String(phone.node.classList.contains("is-current")), onclick: () => bringForward(id),
  }, phone.user.name)));
}

function drawWelcome() {
  document.querySelector(".welcome")?.remove();
  if (phones.size) return;
  at("phones").append(el("section", { class: "welcome" }, el("h2", {}, "Be a customer"),
    el("p", {}, "Every phone here is a person on WhatsApp. Take one out and write to the business: its service answers through the real webhook and the real Graph calls."),
    el("button", { type: "button", class: "primary", onclick: () => addUser("Ana", true) }, "Ana, with a phone number"),
    el("button", { type: "button", class: "primary", onclick: () => addUser("Ben", false) }, "Ben, with a username only")));
}

async function addUser(name, withPhone) {
  const username = name.toLowerCase().normalize("NFKD").replace(/[^a-z0-9.]/g, "") || "user";
  const user = await call("POST", "/simulator/users", { name, with_phone: withPhone, username: withPhone ? null : username });
  users.set(user.id, user);
  await takeOut(user.id);
  drawBar();
  phones.get(user.id).node.querySelector(".chat:not([hidden]) textarea")?.focus();
}

function wireDialog() {
  const dialog = at("user-dialog");
  at("new-user").addEventListener("click", () => { at("user-error").textContent = ""; at("user-name").value = ""; dialog.showModal(); });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = at("user-name").value.trim();
    if (!name) return;
    try {
      await addUser(name, at("user-phone").checked);
      dialog.close();
    } catch (error) {
      at("user-error").textContent = error.message;
    }
  });
}

async function onEvent(name, body) {
  if (name === "hello" && isLoaded) return;
  if (name === "hello" || name === "reset") return load();
  if (name === "number") {
    numbers.set(body.phone_number_id, body);
    drawBar();
    for (const phone of phones.values()) await phone.load([body]);
  } else if (name === "user") {
    users.set(body.id, body);
    if (phones.size < OPENED_AT_FIRST) await takeOut(body.id);
    drawBar();
  } else phones.get(body.user)?.apply(name, body);
}

at("number").addEventListener("change", () => { for (const phone of phones.values()) phone.open(at("number").value); });
at("people").addEventListener("change", async () => { const id = at("people").value; if (id) { await takeOut(id); drawBar(); } });
document.addEventListener("visibilitychange", () => { for (const phone of phones.values()) phone.see(); });
wireDialog();
watch(onEvent, (isOpen) => { at("link-state").textContent = isOpen ? "" : "Reconnecting…"; });
