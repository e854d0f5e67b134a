// Verifies a receipt from its documentation alone, with node:crypto: node check.js receipt.json keys.json selfie.jpg result.json
const { createHmac, createPublicKey, verify } = require("node:crypto");
const { readFileSync } = require("node:fs");
const assert = require("node:assert");

// The canonical form of RFC 8785 is what JSON.stringify writes, with the members sorted by their UTF-16 code units.
const canonical = (v) =>
  v === null || typeof v !== "object" ? JSON.stringify(v)
  : Array.isArray(v) ? "[" + v.map(canonical).join(",") + "]"
  : "{" + Object.keys(v).sort().map((k) => JSON.stringify(k) + ":" + canonical(v[k])).join(",") + "}";

const [file, keys, selfie, result] = process.argv.slice(2).map((name) => readFileSync(name));
const { receipt, signature, key_id, openings } = JSON.parse(file);
assert(file.includes(canonical(receipt)), "the receipt does not stand there in its canonical form");
const key = JSON.parse(keys).keys.find((k) => k.kid === key_id);
assert(key && receipt.key_id === key_id, "the key is not published");
assert(new Date(key.valid_from) <= new Date(receipt.issued_at) && (!key.valid_until || new Date(receipt.issued_at) <= new Date(key.valid_until)), "the key was not in use");
assert(verify(null, canonical(receipt), createPublicKey({ key, format: "jwk" }), Buffer.from(signature, "base64")), "the signature does not fit");
const commit = (data) => createHmac("sha256", Buffer.from(openings.salt, "hex")).update(data).digest("hex");
assert.equal(commit(selfie), receipt.inputs.find((i) => i.kind === "selfie").commitment, "the photograph is another one");
assert.equal(commit(canonical(JSON.parse(result))), receipt.result_commitment, "the result is another one");
console.log("verified");
