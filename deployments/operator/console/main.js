// Wires the page: signing in, the lists, the open conversation, and asking for news.

import * as api from "./api.js";
import { announce } from "./dom.js";
import { distinct, renderLists, WHICH } from "./lists.js";
import { Poll } from "./poll.js";
import { ThreadView } from "./thread.js";

const linkState = document.getElementById("link-state");
const notice = document.getElementById("notice");
const listsPlace = document.getElementById("lists");
let lists = Object.fromEntries(WHICH.map((which) => [which, []]));
let shownLists = {};

const thread = new ThreadView(document.getElementById("thread"), act, () => open(null));
const poll = new Poll(news);

// -- news ----------------------------------------------------------------------------------------------------------------

async function news() {
  try {
    const changed = await gather();
    linkState.textContent = "";
    return changed;
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) askToSignIn("This token is not the operator's.");
    else linkState.textContent = error instanceof api.Refused ? error.message : "Parley cannot be reached; trying again…";
    throw error;
  }
}

async function gather() {
  const id = thread.id;
  const [shown, ...pages] = await Promise.all([id ? api.show(id) : null, ...WHICH.map((which) => api.list(which))]);
  lists = distinct(Object.fromEntries(WHICH.map((which, index) => [which, pages[index].conversations])));
  const listsChanged = drawLists();
  const threadChanged = shown !== null && thread.update(shown);
  return listsChanged || threadChanged;
}

// Leaves alone what is the same: a button that is replaced under a finger is not pressed. Tells whether it was not.
function drawLists() {
  const text = JSON.stringify(lists);
  const isNew = text !== shownLists.text;
  const minute = Math.floor(Date.now() / 60000); // "waits 3 min"
  if (!isNew && shownLists.openId === thread.id && shownLists.minute === minute) return false;
  shownLists = { text, openId: thread.id, minute };
  renderLists(listsPlace, lists, thread.id, open);
  const waiting = lists.waiting.length;
  document.title = waiting ? `(${waiting}) Parley: conversations` : "Parley: conversations";
  return isNew;
}

// -- what a person does --------------------------------------------------------------------------------------------------

async function open(id) {
  const left = thread.id;
  thread.open(id);
  notice.textContent = "";
  document.body.classList.toggle("shows-thread", id !== null);
  drawLists();
  if (id) await poll.now();
  else listsPlace.querySelector(`[data-conversation="${CSS.escape(left ?? "")}"]`)?.focus();
}

// Does it and tells what became of it; what changes the conversation (it has something to tell) is followed by news.
async function act(work, told = "") {
  notice.textContent = "";
  try {
    await work();
    announce(told);
  } catch (error) {
    notice.textContent = error instanceof api.Refused ? error.message : "That did not reach Parley; try again.";
  }
  if (told) await poll.now();
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && thread.id && !document.querySelector("dialog[open]")) open(null);
});

// -- signing in ----------------------------------------------------------------------------------------------------------

const dialog = document.getElementById("sign-in");
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.querySelector("form").addEventListener("submit", () => {
  api.signIn(document.getElementById("token").value.trim(), document.getElementById("name").value.trim());
  begin();
});

function askToSignIn(why = "") {
  poll.stop();
  api.signOut();
  document.getElementById("sign-in-error").textContent = why;
  document.getElementById("token").value = "";
  document.getElementById("name").value = api.name();
  if (!dialog.open) dialog.showModal();
}

function begin() {
  document.getElementById("who").textContent = api.name();
  poll.start();
}

document.getElementById("sign-out").addEventListener("click", () => {
  open(null);
  lists = Object.fromEntries(WHICH.map((which) => [which, []]));
  drawLists();
  askToSignIn();
});

if (api.isSignedIn()) begin();
else askToSignIn();
