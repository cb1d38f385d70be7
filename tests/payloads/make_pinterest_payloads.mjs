// Writes tests/payloads/pinterest/node_made_*.json: the same kinds of delivery, sealed by Node's crypto (OpenSSL)
// instead of Python's. Run from the root as `node tests/payloads/make_pinterest_payloads.mjs` (Node 20 or newer);
// the same files come out every time.
import { createCipheriv, createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("pinterest/", import.meta.url));
mkdirSync(folder, { recursive: true });

const keyOf = (name) => createHash("sha256").update(`node test key of ${name}`).digest();

function seal(name, answers, at, { nonceBytes = 16, leadId } = {}) {
  const digest = createHash("shake256", { outputLength: 256 }).update(`${name} ${at}`).digest();
  const nonce = digest.subarray(0, nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", keyOf(name), nonce, { authTagLength: 16 });
  const sealed = Buffer.concat([cipher.update(JSON.stringify(answers), "utf8"), cipher.final()]);
  return {
    advertiser_id: "111764359001",
    lead_form_id: "65300871001",
    ad_id: "687195905986",
    ad_name: "Spring kitchen pin",
    campaign_id: "626735565838",
    campaign_name: "Spring campaign",
    ad_group_id: "2680060704746",
    ad_group_name: "Homeowners",
    lead_id: leadId ?? String(690000000000 + digest.readUInt32BE(252)),
    created_at: String(1700000000000 + at),
    version: "v5",
    answers: {
      cipher_msg: sealed.toString("base64"),
      nonce: nonce.toString("base64"),
      tag: cipher.getAuthTag().toString("base64"),
    },
  };
}

// The people are those of the file that Python made for the same name.
const peopleOf = (name) => JSON.parse(readFileSync(`${folder}${name}.json`, "utf8")).answers;

function write(twin, about, options = {}) {
  const name = `node_made_${twin}`;
  const people = peopleOf(twin);
  const file = {
    about,
    key: keyOf(name).toString("base64"),
    body: people.map((person, at) => seal(name, person, at, options)),
    answers: people,
  };
  writeFileSync(`${folder}${name}.json`, JSON.stringify(file, null, 2) + "\n");
}

write("one_lead", "The commonest delivery, sealed by Node.");
write("all_question_types", "Every question type, sealed by Node.");
write("two_leads", "Two people in one delivery, sealed by Node.");
write("answers_in_other_scripts", "Raw UTF-8 in the plaintext (Python's files hold escapes), sealed by Node.");
write("answers_as_numbers_and_lists", "Answers that are not texts, sealed by Node.");
write("nonce_of_12_bytes", "The nonce has 12 bytes, sealed by Node.", { nonceBytes: 12 });
write("nonce_of_128_bytes", "The nonce has 128 bytes, sealed by Node.", { nonceBytes: 128 });
write("test_lead", "A lead of Pinterest's test call, sealed by Node.", { leadId: "TEST_API" });
