// Checks the signing vectors from the contract alone, with node:crypto: node check.js vectors.json
const { createHash, createHmac } = require("node:crypto");
const vectors = JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"));
for (const v of vectors) {
  const bodyHash = createHash("sha256").update(Buffer.from(v.body_base64 ?? "", "base64")).digest("hex");
  const text = [v.timestamp, v.method, v.target, bodyHash].join("\n");
  const signature = createHmac("sha256", v.secret).update(text).digest("hex");
  for (const [name, got] of Object.entries({ body_sha256: bodyHash, canonical: text, signature })) {
    if (got !== v[name]) {
      console.error(`${v.name}: ${name} is ${got}`);
      process.exit(1);
    }
  }
}
console.log(vectors.length);
