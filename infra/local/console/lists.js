// The last leads and the contacts: rows that stay where they are while what they say changes.

import { counted, isWaiting, kept, moment, sourceOf, STATUSES, steps, timing } from "./wording.js";

const leadRows = document.querySelector("#lead-table tbody");
const contactList = document.getElementById("contact-list");
const rows = new Map();
const cards = new Map();

export function listLeads(leads) {
  document.getElementById("no-leads").hidden = leads.length > 0;
  document.getElementById("lead-table").hidden = leads.length === 0;
  const wanted = leads.flatMap((lead) => {
    const row = rows.get(lead.key) ?? newRow(lead.key);
    fillRow(row, lead);
    return [row.shown, row.more];
  });
  forget(rows, new Set(leads.map((lead) => lead.key)), (row) => [row.shown, row.more]);
  arrange(leadRows, wanted);
}

export function listContacts(crm) {
  const empty = document.getElementById("no-contacts");
  empty.hidden = crm.contacts.length > 0;
  empty.textContent = crm.is_built_in
    ? "No contact yet."
    : `The CRM is at ${crm.url}, not the built-in sandbox: look at its contacts there.`;
  forget(cards, new Set(crm.contacts.map((contact) => contact.id)), (card) => [card.item]);
  arrange(contactList, crm.contacts.map(cardOf));
}

/** Timings that still run. */
export function tick() {
  for (const { lead, time } of rows.values()) if (lead && isWaiting(lead)) time.textContent = timing(lead);
}

function newRow(key) {
  const id = `lead-${rows.size}-${Math.random().toString(36).slice(2, 8)}`;
  const button = made("button", { type: "button", class: "opener", "aria-expanded": "false", "aria-controls": id });
  const name = made("th", { scope: "row" }, button);
  const status = made("td");
  const done = made("td", { class: "wide" });
  const attempts = made("td", { class: "wide number" });
  const time = made("span", { class: "took" });
  const since = made("span", { class: "aside" });
  const shown = made("tr", { class: "lead" }, name, status, done, attempts, made("td", { class: "number" }, time, since));
  const facts = made("dl");
  const more = made("tr", { class: "more", id, hidden: "" }, made("td", { colspan: "5" }, facts));
  const row = { shown, more, button, status, done, attempts, time, since, facts, lead: null };
  shown.addEventListener("click", (event) => {
    // Who marks text of the row with the mouse wants the text, and not the details. The button always opens them.
    const marked = getSelection();
    const marks = !marked.isCollapsed && marked.containsNode(shown, true);
    if (marks && !event.target.closest("button")) return;
    more.hidden = !more.hidden;
    button.setAttribute("aria-expanded", String(!more.hidden));
  });
  rows.set(key, row);
  return row;
}

function fillRow(row, lead) {
  if (JSON.stringify(row.lead) === JSON.stringify(lead)) return;
  row.lead = lead;
  row.shown.dataset.lead = lead.lead_id;
  row.button.replaceChildren(made("span", {}, sourceOf(lead)), made("span", { class: "id" }, lead.lead_id));
  const status = made("span", { class: "status", "data-status": lead.status }, STATUSES[lead.status] ?? lead.status);
  row.status.replaceChildren(status, ...(lead.reason ? [made("span", { class: "aside" }, spaced(lead.reason))] : []));
  row.done.textContent = steps(lead) || "none yet";
  row.attempts.textContent = String(lead.attempts);
  row.time.textContent = timing(lead);
  row.since.textContent = moment(lead.first_seen_at);
  row.facts.replaceChildren(...facts(lead));
}

function facts(lead) {
  const code = (text) => text && made("span", { class: "code" }, text);
  const isListed = cards.has(lead.contact_id);
  const link = isListed && made("a", { class: "code", href: `#contact-${lead.contact_id}` }, lead.contact_id);
  const told = [
    ["Lead", code(lead.lead_id)],
    ["Account", code(lead.account)],
    ["Status", `${STATUSES[lead.status] ?? lead.status} after ${counted(lead.attempts, "attempt")}`],
    ["Reason", code(lead.reason)],
    ["It means", plain(lead.means)],
    ["What to do", plain(lead.remedy)],
    ["Contact", link || code(lead.contact_id)],
    ["Location", code(lead.location_id)],
    ...Object.entries(lead.steps).map(([name, state]) => [`Step: ${name}`, code(state)]),
    ["First seen", moment(lead.first_seen_at)],
    ["Last change", moment(lead.updated_at)],
    ...lead.remarks.map((remark) => ["Remark", remark]),
  ];
  return told.filter(([, value]) => value).flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]);
}

function cardOf(contact) {
  const card = cards.get(contact.id) ?? newCard(contact.id);
  const text = JSON.stringify(contact);
  if (card.text !== text) {
    card.text = text;
    card.summary.replaceChildren(
      made("span", { class: "name" }, contact.name || "Nameless"),
      made("span", { class: "aside" }, [contact.email, contact.phone].filter(Boolean).join(" · ")),
      made("span", { class: "kept" }, kept(contact)),
      ...tags(contact.tags ?? []),
    );
    card.inside.replaceChildren(
      made("p", { class: "aside" }, `${contact.source ?? "No source"} · location ${contact.location} · ${moment(contact.added_at)}`),
      ...contact.tasks.map(task),
      ...contact.notes.map((note) => made("pre", { class: "note" }, note.body)),
    );
  }
  return card.item;
}

function newCard(id) {
  const summary = made("summary");
  const inside = made("div", { class: "inside" });
  const item = made("li", { id: `contact-${id}` }, made("details", {}, summary, inside));
  cards.set(id, { item, summary, inside, text: "" });
  return cards.get(id);
}

const tags = (names) =>
  names.length ? [made("span", { class: "tags" }, made("span", { class: "unseen" }, "Tags: "), ...names.flatMap((name) => [made("span", { class: "tag" }, name), " "]))] : [];

const task = (one) =>
  made("p", { class: "task", "data-done": String(Boolean(one.completed)) },
    made("b", {}, `Task: ${one.title}`),
    made("span", { class: "aside" }, `${one.completed ? "done" : "open"}${one.dueDate ? `, due ${moment(one.dueDate)}` : ""}`),
    ...(one.body ? [made("span", {}, one.body)] : []));

function forget(known, wanted, nodes) {
  for (const [key, one] of known) {
    if (!wanted.has(key)) {
      nodes(one).forEach((node) => node.remove());
      known.delete(key);
    }
  }
}

/** Puts the nodes in order; one that is in its place is not touched, so that it keeps its focus. */
function arrange(parent, nodes) {
  let next = parent.firstChild;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
}

const plain = (text) => text.replaceAll("`", "");

// A long code may break after each of its words.
const spaced = (code) => code.replaceAll("_", "_\u200b");

function made(name, attributes = {}, ...inside) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inside.filter((one) => one !== undefined));
  return node;
}

/** A contact that a lead's details lead to is shown open. */
export function openContact() {
  const card = location.hash.startsWith("#contact-") && document.getElementById(location.hash.slice(1));
  if (card) {
    card.querySelector("details").open = true;
    card.querySelector("summary").focus();
  }
}
