#!/usr/bin/env python3
"""Opens the running app's page in headless Chromium, waits until it shows something, and takes a picture.

Usage: app/page/watch.py URL [--change] [--picture FILE.png] [--size 1100x900] [--dark] [--within SECONDS]

The page is opened once and never reloaded. Prints what it shows as JSON, then, with --change, waits until it shows
another configuration version by itself, and prints that, too. Exit status 1 when it does not happen in time. Needs
Debian's `chromium` and nothing else.
"""

import argparse
import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time

SHOWN = """JSON.stringify({
  stage: document.getElementById("stage").textContent,
  version: document.getElementById("version").textContent,
  updates: document.getElementById("link").textContent,
  count: document.getElementById("count").textContent,
  services: document.querySelectorAll("#services li").length,
})"""


class Chromium:
    """One tab, spoken to over Chromium's debugging pipe."""

    def __init__(self, size, dark, profile):
        to_browser, self.send_end = os.pipe()
        self.receive_end, from_browser = os.pipe()
        width, height = size.split("x")

        def pipes():
            os.dup2(os.dup(to_browser), 3)
            os.dup2(os.dup(from_browser), 4)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        options += ["--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        self.process = subprocess.Popen(
            ["chromium", *options, "about:blank"],
            preexec_fn=pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.received, self.last, self.session = b"", 0, None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        # A window has a least width; a phone is narrower.
        size = {"width": int(width), "height": int(height), "deviceScaleFactor": 1, "mobile": int(width) < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        if dark:
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.send_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next_message()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def next_message(self):
        while b"\0" not in self.received:
            if not select.select([self.receive_end], [], [], 30)[0]:
                raise RuntimeError("chromium does not answer")
            self.received += os.read(self.receive_end, 1 << 16)
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def shown(self):
        """What the page shows, or None while it is loading."""
        result = self.call("Runtime.evaluate", expression=SHOWN)["result"]
        return json.loads(result["value"]) if result.get("type") == "string" else None

    def until(self, is_so, within):
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            shown = self.shown()
            if shown and is_so(shown):
                return shown
            time.sleep(0.02)
        print(f"not within {within} s; the page shows {json.dumps(shown)}", file=sys.stderr)
        sys.exit(1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--change", action="store_true", help="wait until the page shows another version")
    parser.add_argument("--picture")
    parser.add_argument("--size", default="1100x900")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--within", type=float, default=60)
    return parser.parse_args()


def watch(browser, wanted):
    browser.call("Page.navigate", url=wanted.url)
    first = browser.until(lambda shown: shown["updates"] == "live", wanted.within)
    print(json.dumps(first), flush=True)
    if wanted.change:
        print(json.dumps(browser.until(lambda shown: shown["version"] != first["version"], wanted.within)), flush=True)
    if wanted.picture:
        picture = browser.call("Page.captureScreenshot", format="png")["data"]
        with open(wanted.picture, "wb") as file:
            file.write(base64.b64decode(picture))


def main():
    wanted = arguments()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(wanted.size, wanted.dark, profile)
        try:
            watch(browser, wanted)
        finally:
            browser.process.kill()
            browser.process.wait()


main()
