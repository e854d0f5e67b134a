"""A client of the ekyc API in the standard library alone: signing, calls, and the check of a webhook's signature."""
import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request


class Client:
    def __init__(self, base_url, key_id, secret):
        self.base_url, self.key_id, self.secret = base_url, key_id, secret

    def headers(self, method, target, body=b"", timestamp=None):
        """The three headers of a signed request. target is the path with its query, as it is sent."""
        timestamp = str(timestamp or int(time.time()))
        canonical = "\n".join([timestamp, method, target, hashlib.sha256(body).hexdigest()])
        signature = hmac.new(self.secret.encode(), canonical.encode(), hashlib.sha256).hexdigest()
        return {"X-API-KEY": self.key_id, "X-API-TIMESTAMP": timestamp, "X-API-SIGN": signature}

    def call(self, method, target, body=None, headers=None):
        """Returns (status, answer, headers); errors are answers too."""
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + target, data=data or None, method=method)
        for name, value in {**self.headers(method, target, data), "Content-Type": "application/json", **(headers or {})}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                raw, status, received = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as refusal:
            raw, status, received = refusal.read(), refusal.code, refusal.headers
        if raw and received.get_content_type() == "application/json":
            return status, json.loads(raw), received
        return status, raw or None, received  # a photograph


def image(path):
    """A photograph as the API takes it."""
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


def verify_webhook(secret, headers, body, tolerance=300):
    """Standard Webhooks: one of the signatures fits, and the timestamp is fresh. Raises ValueError otherwise."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > tolerance:
        raise ValueError("the timestamp is too old")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(expected, s) for s in headers["webhook-signature"].split(" ")):
        raise ValueError("no signature fits")
    return json.loads(body)
