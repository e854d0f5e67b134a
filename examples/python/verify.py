"""Verifies a person against a running `ekyc up`: sends the pictures, waits for the webhook, prints both.

    ekyc up --bootstrap-file up.json
    python3 examples/python/verify.py up.json selfie.jpg front.jpg [back.jpg]
"""
import http.server
import json
import queue
import sys
import threading

from ekyc_client import Client, image, verify_webhook

events = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes events. Whoever does this in earnest answers first and works later, and drops an id that was seen before."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            events.put(verify_webhook(up["webhook_secret"], self.headers, body))
            self.send_response(204)
        except ValueError:
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


with open(sys.argv[1]) as file:
    up = json.load(file)
receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()

client = Client(up["base_url"], up["key_id"], up["secret"])
pictures = {"image_live_base64": image(sys.argv[2]), "image_front_base64": image(sys.argv[3])}
if len(sys.argv) > 4:
    pictures["image_back_base64"] = image(sys.argv[4])
status, accepted, _ = client.call("POST", "/v1/kyc/verify", {**pictures, "callback_url": f"http://127.0.0.1:{receiver.server_port}/"})
print("POST /v1/kyc/verify answered", status)
print(json.dumps(accepted, indent=2))
if status != 202:
    sys.exit(1)

event = events.get(timeout=60)
print("\nThe webhook, its signature verified:")
print(json.dumps(event, indent=2, ensure_ascii=False))

status, job, _ = client.call("GET", "/v1/jobs/" + accepted["job_id"])
result = job["result"]
print(f'\n{result["decision"]}, {result["score"]} of 100 points')
for factor in result["factors"]:
    print(f'  {factor["name"]:<12}{factor["points"]:>7} of {factor["max_points"]}')
for reason in result["reasons"]:
    print(f'  {reason["points"]:>7}  {reason["code"]}: {reason["message"]}')
sys.exit(0 if event["data"]["job_id"] == accepted["job_id"] else 1)
