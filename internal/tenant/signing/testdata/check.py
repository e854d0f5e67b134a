"""Checks the signing vectors from the contract alone, with the standard library: python3 check.py vectors.json"""
import base64, hashlib, hmac, json, sys

vectors = json.load(open(sys.argv[1], encoding="utf-8"))
for v in vectors:
    body = base64.b64decode(v["body_base64"] or "", validate=True)
    text = "\n".join([v["timestamp"], v["method"], v["target"], hashlib.sha256(body).hexdigest()])
    signature = hmac.new(v["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    for name, got in [("body_sha256", hashlib.sha256(body).hexdigest()), ("canonical", text), ("signature", signature)]:
        if got != v[name]:
            sys.exit(f"{v['name']}: {name} is {got}")
print(len(vectors))
