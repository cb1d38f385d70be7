// How the page says things: names, statuses, moments and durations.

export const SOURCES = { pinterest: "Pinterest", facebook: "Facebook", leadconnector: "LeadConnector" };

export const STATUSES = {
  claimed: "on its way",
  delivered: "delivered",
  parked: "parked",
  undeliverable: "undeliverable",
  ignored: "ignored",
};

export const FAULTS = {
  429: "Answers 429 to every request.",
  500: "Answers 500 to every request.",
  slow: "Takes 20 seconds to answer.",
  422: "Refuses every contact with 422.",
  other: "A fault ordered elsewhere is on.",
};

const WAITING = new Set(["claimed", "parked"]);

/** "53 ms", "4.2 s", "3 min 5 s", "2 h 10 min". */
export function duration(milliseconds) {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? parts(minutes, "min", Math.floor(seconds % 60), "s") : parts(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

const parts = (many, unit, few, part) => `${many}\u00a0${unit}${few ? ` ${few}\u00a0${part}` : ""}`;

/** The time of day, or the date too where that was another day. */
export function moment(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(undefined, { ...(today ? {} : { dateStyle: "medium" }), timeStyle: "medium", hourCycle: "h23" });
}

export const isWaiting = (lead) => WAITING.has(lead.status);

/** From the first time the lead was seen until it was delivered, or until now. */
export function timing(lead, now = Date.now()) {
  const began = Date.parse(lead.first_seen_at);
  return isWaiting(lead) ? `${duration(wholeSeconds(now - began))} so far` : duration(Date.parse(lead.updated_at) - began);
}

/** "contact, note, 2 tasks"; a step that may have happened is said to be unknown. */
export function steps(lead) {
  const names = Object.keys(lead.steps);
  const unknown = (name) => (lead.steps[name] === "unknown" ? " (unknown)" : "");
  const tasks = names.filter((name) => name.startsWith("task"));
  const others = ["contact", "tags", "note"].filter((name) => name in lead.steps).map((name) => name + unknown(name));
  const rest = names.filter((name) => !tasks.includes(name) && !["contact", "tags", "note"].includes(name));
  if (tasks.length) others.push(counted(tasks.length, "task") + (tasks.some(unknown) ? " (unknown)" : ""));
  return [...others, ...rest].join(", ");
}

/** "1 note, 2 tasks", and nothing of what there is not. */
export function kept(contact) {
  const told = [[contact.notes.length, "note"], [contact.tasks.length, "task"]];
  return told.filter(([number]) => number).map(([number, name]) => counted(number, name)).join(", ");
}

export const counted = (number, name) => `${number}\u00a0${name}${number === 1 ? "" : "s"}`;

export const sourceOf = (lead) => SOURCES[lead.source] ?? lead.source;

const wholeSeconds = (ms) => Math.max(1000, Math.floor(ms / 1000) * 1000);
