// The page's beginning: follows the stream of states, and does what the buttons say.

import { listContacts, listLeads, openContact, tick } from "./lists.js";
import { count, passed, travel } from "./road.js";
import { sourceOf, STATUSES } from "./wording.js";

const RETRY_MS = 2000;
const OLD_AFTER_MS = 8000;
const connection = document.getElementById("connection");
const outcome = document.getElementById("outcome");
let stream = null;
let last = null;

function follow() {
  stream?.close();
  stream = new EventSource("/console/events");
  stream.onmessage = (event) => show(JSON.parse(event.data));
  stream.onerror = () => {
    tell("lost", "Not connected: is the stack still up?");
    // The browser tries again by itself, unless it was refused.
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, RETRY_MS);
  };
}

function show(state) {
  if (state.trouble) {
    tell("lost", state.trouble);
    return;
  }
  tell("live", "Live");
  count(state);
  listContacts(state.crm);
  listLeads(state.leads);
  if (last) move(last, state);
  last = state;
  document.documentElement.dataset.ready = "yes";
}

function move(before, after) {
  const known = new Map(before.leads.map((lead) => [lead.key, lead]));
  const told = [];
  for (const lead of after.leads) {
    const earlier = known.get(lead.key);
    const stations = passed(earlier, lead);
    if (stations.length) travel(stations, lead.source);
    if (earlier?.status !== lead.status && lead.status !== "claimed") told.push(`${sourceOf(lead)} lead ${STATUSES[lead.status]}.`);
  }
  if (told.length) document.getElementById("news").textContent = told.length > 3 ? `${told.length} leads have moved.` : told.join(" ");
}

function tell(state, sentence) {
  connection.dataset.state = state;
  if (connection.textContent !== sentence) connection.textContent = sentence;
}

async function press(button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const isOn = button.getAttribute("aria-pressed") === "true";
  const [isDone, sentence] = await act(isOn ? "mend" : button.dataset.action);
  outcome.dataset.state = isDone ? "done" : "failed";
  outcome.textContent = sentence;
  outcome.classList.remove("old");
  clearTimeout(outcome.timer);
  outcome.timer = setTimeout(() => outcome.classList.add("old"), OLD_AFTER_MS);
  button.removeAttribute("aria-disabled");
}

async function act(name) {
  try {
    const answer = await fetch(`/console/actions/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    const told = await answer.json();
    return [answer.ok, told.sentence ?? told.error];
  } catch {
    return [false, "The stack does not answer: is it still up?"];
  }
}

// A browser has six connections for a page and its twins: a hidden one lets go of its own.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else follow();
  last = null; // what happened meanwhile is shown, and not played
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) press(button);
});
addEventListener("hashchange", openContact);
setInterval(tick, 1000);
follow();
