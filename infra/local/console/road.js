// The drawing: counts in the stations, the legs between them, and leads that move along.

import { counted, duration, FAULTS } from "./wording.js";

// From station to station. lane: beside the middle, where two legs run side by side.
const LEGS = {
  "sources-webhook": { main: true },
  "webhook-contacts": { main: true, label: "delivers" },
  "webhook-queue": { label: "parks" },
  "queue-retry": {},
  "retry-contacts": {},
  "queue-dead": { label: "gives up", lane: -1 },
  "dead-queue": { label: "redriven", lane: 1 },
};
// What becomes of a lead, from what it was: the stations it passes. "" is a lead that nobody knew.
const MOVES = {
  " claimed": ["sources", "webhook"],
  " delivered": ["sources", "webhook", "contacts"],
  " ignored": ["sources", "webhook"],
  " parked": ["sources", "webhook", "queue"],
  " undeliverable": ["sources", "webhook", "queue", "dead"],
  "claimed delivered": ["retry", "contacts"],
  "claimed parked": ["retry", "queue"],
  "claimed undeliverable": ["queue", "dead"],
  "delivered delivered": ["sources", "webhook", "contacts"],
  "parked claimed": ["queue", "retry"],
  "parked delivered": ["queue", "retry", "contacts"],
  "parked parked": ["queue", "retry", "queue"],
  "parked undeliverable": ["queue", "dead"],
  "undeliverable claimed": ["dead", "queue", "retry"],
  "undeliverable delivered": ["dead", "queue", "retry", "contacts"],
  "undeliverable parked": ["dead", "queue"],
};
const FIRST_TRY = { "claimed delivered": ["webhook", "contacts"], "claimed parked": ["webhook", "queue"] };
const MOST_AT_ONCE = 12;
const LIT_FOR = 1200;
const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const drawing = document.getElementById("legs");
const road = document.getElementById("road");
const station = (name) => document.getElementById(`station-${name}`);
const ends = new Map();
let moving = 0;

/** Shows the counts of a state, and which fault is on. */
export function count(state) {
  const total = Object.values(state.received).reduce((sum, one) => sum + one, 0);
  const numbers = {
    ...state.received,
    received: total,
    delivered: state.statuses.delivered ?? 0,
    parked: state.queue.messages,
    held: state.queue.held,
    further_attempts: state.further_attempts,
    dead: state.dead.messages,
  };
  for (const shown of document.querySelectorAll("[data-count]")) {
    const number = numbers[shown.dataset.count] ?? 0;
    const noun = shown.nextElementSibling?.dataset.noun;
    write(shown, String(number));
    if (noun) write(shown.nextElementSibling, noun + (number === 1 ? "" : "s"));
  }
  const ignored = state.statuses.ignored ?? 0;
  write(document.getElementById("ignored"), ignored ? `${ignored} ignored, as the routes say` : "answered at once");
  if (state.waits.length) {
    write(document.getElementById("waits"), `after ${state.waits.map((wait) => duration(wait * 1000)).join(", ")}`);
  }
  station("dead").classList.toggle("filled", numbers.dead > 0);
  station("queue").classList.toggle("filled", numbers.parked > 0);
  tellHealth(state.crm);
}

function tellHealth(crm) {
  const health = document.getElementById("health");
  const [fault] = crm.faults;
  document.getElementById("breaking").hidden = !crm.is_built_in;
  health.dataset.state = fault ? "ill" : crm.is_built_in ? "well" : "elsewhere";
  if (fault) {
    write(health, `${FAULTS[fault.name]} ${fault.hits ? `Struck ${counted(fault.hits, "time")}.` : "Not struck yet."}`);
  } else {
    write(health, crm.is_built_in ? "Answers normally." : `Runs at ${crm.url}. Break and mend it there.`);
  }
  for (const button of document.querySelectorAll("[data-fault]")) {
    button.setAttribute("aria-pressed", String(crm.faults.some((on) => on.name === button.dataset.fault)));
  }
}

/** The stations that a lead has passed between two states; [] when it has not moved. */
export function passed(before, lead) {
  if (before && before.status === lead.status && before.updated_at === lead.updated_at) return [];
  const change = `${before?.status ?? ""} ${lead.status}`;
  return (lead.attempts < 2 && FIRST_TRY[change]) || MOVES[change] || [];
}

/** Moves a dot along; on a calm screen the stations light up one after the other. */
export async function travel(stations, source) {
  if (calm.matches || moving >= MOST_AT_ONCE) {
    stations.forEach((name) => light(station(name)));
    return;
  }
  moving += 1;
  const dot = drawing.appendChild(element("circle", { r: 6, class: "dot" }));
  light((stations[0] === "sources" && document.getElementById(`source-${source}`)) || station(stations[0]));
  for (let place = 1; place < stations.length; place += 1) {
    const [from, to] = between(stations[place - 1], stations[place]) ?? [];
    if (!from) continue;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const path = [from, to].map((at) => ({ transform: `translate(${at.x}px, ${at.y}px)` }));
    await dot.animate(path, { duration: 300 + Math.min(length, 500), easing: "cubic-bezier(.4, 0, .3, 1)", fill: "forwards" }).finished;
    light(station(stations[place]));
  }
  dot.remove();
  moving -= 1;
}

function between(first, second) {
  if (ends.has(`${first}-${second}`)) return ends.get(`${first}-${second}`);
  return ends.get(`${second}-${first}`)?.toReversed();
}

function light(lit) {
  lit.classList.add("lit");
  clearTimeout(lit.timer);
  lit.timer = setTimeout(() => lit.classList.remove("lit"), LIT_FOR);
}

/** Draws the legs between the stations, wherever the page's width has put them. */
function draw() {
  const frame = road.getBoundingClientRect();
  drawing.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  drawing.querySelectorAll(".leg").forEach((old) => old.remove());
  for (const [name, leg] of Object.entries(LEGS)) {
    const boxes = name.split("-").map((one) => relative(station(one).getBoundingClientRect(), frame));
    const [from, to] = line(...boxes, leg.lane ?? 0);
    ends.set(name, [from, to]);
    drawing.prepend(drawn(from, to, leg));
  }
}

const relative = (box, frame) => ({
  left: box.left - frame.left,
  right: box.right - frame.left,
  top: box.top - frame.top,
  bottom: box.bottom - frame.top,
});

/** A straight line between two boxes, in the middle of what they have in common. */
function line(a, b, lane) {
  if (b.left >= a.right || a.left >= b.right) {
    const y = (Math.max(a.top, b.top) + Math.min(a.bottom, b.bottom)) / 2;
    return b.left >= a.right ? [{ x: a.right, y }, { x: b.left, y }] : [{ x: a.left, y }, { x: b.right, y }];
  }
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const x = Math.max(a.left, b.left) + width / 2 + lane * Math.min(width * 0.12, 36);
  return b.top >= a.bottom ? [{ x, y: a.bottom }, { x, y: b.top }] : [{ x, y: a.top }, { x, y: b.bottom }];
}

function drawn(from, to, leg) {
  const group = element("g", { class: leg.main ? "leg main" : "leg" });
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const angle = (Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI;
  const placed = element("g", { transform: `translate(${from.x} ${from.y}) rotate(${angle})` });
  placed.append(element("path", { class: "line", d: `M3 0H${length - 9}` }));
  placed.append(element("path", { class: "tip", d: `M${length - 10} -4.5L${length - 2} 0L${length - 10} 4.5Z` }));
  group.append(placed);
  const isLevel = from.y === to.y;
  if (leg.label && (!isLevel || length > 90)) {
    const x = (from.x + to.x) / 2 + (isLevel ? 0 : (leg.lane ?? 1) * 9);
    const anchor = isLevel ? "middle" : leg.lane === -1 ? "end" : "start";
    const label = element("text", { x, y: (from.y + to.y) / 2 + (isLevel ? -9 : 4), "text-anchor": anchor });
    label.textContent = leg.label;
    group.append(label);
  }
  return group;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const observer = new ResizeObserver(draw);
for (const box of [road, ...road.querySelectorAll(".station")]) observer.observe(box);
