"""Drives every route of the client API against a running `ekyc up`: every_route.py up.json selfie.jpg front.jpg. Exits 0 when all answered."""
import io
import json
import sys
import time
import urllib.request
import zipfile

from ekyc_client import Client, image

with open(sys.argv[1]) as file:
    up = json.load(file)
client = Client(up["base_url"], up["key_id"], up["secret"])
selfie, front = image(sys.argv[2]), image(sys.argv[3])


def call(status, method, path, body=None):
    got, answer, headers = client.call(method, "/v1" + path, body, {"Accept": "application/json"})
    while got == 429:  # there are more routes than a plan may allow requests in a minute
        time.sleep(float(headers["Retry-After"]))
        got, answer, headers = client.call(method, "/v1" + path, body, {"Accept": "application/json"})
    assert got == status and headers["X-Trace-Id"], (method, path, got, answer)
    return answer


for path in ("/health", "/ready", "/coverage", "/models", "/openapi.json", "/quotas", "/usage", "/usage/events", "/logs/request", "/logs/audit", "/audit/entries", "/audit/checkpoint", "/audit/proofs/inclusion", "/audit/proofs/consistency", "/keys", "/subjects", "/webhooks", "/jobs"):
    call(200, "GET", path)
assert call(200, "POST", "/liveness/analyze", {"image_live_base64": selfie, "hints": {"pose": True, "blink": True}})["is_live"]
challenge = call(201, "POST", "/liveness/challenges", {"actions": 3})
answered = call(200, "POST", "/liveness/analyze", {"frames_base64": [selfie, selfie], "challenge_id": challenge["challenge_id"]})
assert len(challenge["actions"]) == 3 and answered["method"] == "challenge" and not answered["is_live"]  # a still does nothing that was asked
read = call(200, "POST", "/document/ocr", {"image_front_base64": front, "document_hint": "auto", "country_hint": "auto"})
assert call(200, "POST", "/document/validate", read)["document_valid"]
assert call(200, "POST", "/face/match", {"image_live_base64": selfie, "image_document_base64": front})["match"]
call(200, "POST", "/kya/check", {"email": "person@example.com", "phone": "+33142685300", "country": "FRA"})
subject = "/subjects/" + call(201, "POST", "/subjects", {"image_reference_base64": selfie})["subject_id"]
call(200, "POST", subject, {"image_reference_base64": selfie})
held = call(200, "GET", subject)
assert held["has_reference"]
assert call(200, "POST", "/face/match", {"image_live_base64": selfie, "subject_id": subject.split("/")[2]})["match"]
reference = "/media/" + held["reference_media_id"]
got, picture, headers = client.call("GET", "/v1" + reference)  # bytes, as they were taken in
assert got == 200 and headers["Content-Type"] == "image/jpeg" and picture[:2] == b"\xff\xd8", headers
with urllib.request.urlopen(call(201, "POST", reference + "/link")["url"]) as page:  # what a reviewer's browser does
    assert page.read() == picture
said = call(201, "POST", subject + "/consent", {"version": "2026-11", "text": "I agree.", "language": "en", "channel": "paper"})
call(201, "POST", subject + "/consent", {"status": "withdrawn"})
agreed = call(200, "GET", subject + "/consent")
assert not agreed["in_force"] and agreed["consents"][1] == said and agreed["consents"][0]["version"] == "2026-11", agreed
got, archive, headers = client.call("GET", "/v1" + subject + "/export")
with zipfile.ZipFile(io.BytesIO(archive)) as everything:
    document = json.loads(everything.read("subject.json"))
    assert everything.read(document["media"][0]["file"]) == picture and len(document["consents"]) == 2, document
call(200, "PUT", subject + "/hold", {"reason": "a dispute"})
call(409, "DELETE", subject + "?_=2")  # it is held
call(200, "DELETE", subject + "/hold")
erased = call(200, "DELETE", subject)
assert call(200, "GET", subject + "/certificate") == erased["certificate"] and erased["certificate"]["certificate"]["cause"] == "request", erased
key = "/keys/" + call(201, "POST", "/keys", {"name": "script", "scopes": ["workflow"]})["key_id"]
call(200, "GET", key), call(200, "POST", key + "/rollover", {"overlap_seconds": 60}), call(200, "POST", key + "/revoke")
job = "/jobs/" + call(202, "POST", "/kyc/verify", {"image_live_base64": selfie, "image_front_base64": front, "metadata": {"order": "1"}})["job_id"]
while (answer := call(200, "GET", job))["status"] in ("queued", "running"):
    time.sleep(1.1)  # a signed request is accepted once, and a second later its timestamp is another
assert answer["result"]["decision"] == "accepted", answer
assert [m["kind"] for m in answer["media"]] == ["document_front", "face_crop", "face_crop", "selfie"] and answer["expires_at"]
call(409, "POST", job + "/cancel")  # it has ended
draft = call(201, "POST", "/workflows", {"definition": {"name": "script", "document": {"min_age": 18}}})
flow = "/workflows/" + draft["workflow_id"]
draft = call(200, "PUT", flow, {"yaml": "name: script\nthresholds: {accept: 99, review: 60}\n", "if_hash": draft["hash"]})
assert call(200, "POST", flow + "/what-if", {"limit": 100})["replayed"] == 1
assert call(200, "POST", flow + "/publish", {"if_hash": draft["hash"]})["version"] == 1
call(200, "POST", flow + "/default"), call(200, "GET", "/workflows/default"), call(200, "DELETE", flow + "/default")
call(200, "POST", flow + "/shadow", {}), call(200, "GET", flow + "/shadow"), call(200, "DELETE", flow + "/shadow")
call(200, "POST", flow + "/retire"), call(200, "GET", flow), call(200, "GET", "/workflows"), call(200, "GET", "/workflows/schema.json")
call(204, "DELETE", "/workflows/" + call(201, "POST", "/workflows", {"yaml": "name: spare\n"})["workflow_id"])
receipt = call(200, "GET", job + "/receipt?openings=true")
assert receipt["receipt"]["decision"] == "accepted" and receipt["key_id"] in [key["kid"] for key in call(200, "GET", "/receipts/keys")["keys"]]
unseen = "/jobs/" + call(202, "POST", "/kyc/verify", {"image_live_base64": selfie, "image_front_base64": selfie})["job_id"]  # without a document: a person has to look
while call(200, "GET", unseen)["status"] in ("queued", "running"):
    time.sleep(1.1)
review, who = "/reviews/" + call(200, "GET", "/reviews?state=open")["reviews"][0]["review_id"], {"reviewer": "reviewer-1"}
call(200, "POST", review + "/claim", who), call(200, "POST", review + "/release", who), call(200, "POST", review + "/claim", {**who, "expires_in_seconds": 60})
call(200, "POST", review + "/decide", {**who, "decision": "rejected", "reason_code": "evidence_insufficient"})
assert call(200, "GET", review)["outcome"]["decision"] == "rejected" and call(200, "GET", unseen + "/receipt")["receipt"]["sequence"] == 2
call(200, "PUT", "/settings/reviews", {"second_reviewer": "on_override"})
assert call(200, "GET", "/settings/reviews")["second_reviewer"] == "on_override"
assert call(200, "PUT", "/settings/retention", {"days": {"selfie": 7}})["days"]["document"] == 30
assert call(200, "GET", "/settings/retention")["days"]["selfie"] == 7
link = call(201, "POST", "/captures", {"language": "fr", "expires_in_seconds": 600})
assert link["url"].endswith("/capture/" + link["token"]) and call(200, "GET", "/captures/" + link["capture_id"])["status"] == "open"
hook = "/webhooks/" + call(201, "POST", "/webhooks", {"url": up["base_url"] + "/v1/health"})["webhook_id"]
call(200, "GET", hook), call(200, "PATCH", hook, {"types": ["ping"]}), call(200, "POST", hook + "/rotate", {"overlap_seconds": 60})
delivery = "/webhooks/deliveries/" + call(202, "POST", hook + "/ping")["delivery_id"]
call(200, "GET", "/webhooks/deliveries"), call(200, "GET", delivery), call(202, "POST", delivery + "/resend")
call(202, "POST", "/webhooks/resend", {"failed": True}), call(200, "POST", "/webhooks/default-secret/rotate", {"overlap_seconds": 60})
call(204, "DELETE", hook)
print("every route answered")
