"""Take the pictures of the documentation: a real service, a real browser, an empty directory.

.venv/bin/python tools/take_pictures.py
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PLACES = {"en": ROOT / "docs" / "images", "ko": ROOT / "docs" / "ko" / "images"}
PICTURES = {"sign-in": ("/sign-in", "light"), "sign-in-dark": ("/sign-in", "dark")}
SIZE = {"width": 520, "height": 600}


def main() -> None:
    found = json.loads((ROOT / ".cache" / "tests.json").read_text())["found"]
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = found["node"]
    with tempfile.TemporaryDirectory() as empty, socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = str(chosen.getsockname()[1])
        chosen.close()
        mapae = Path(sys.executable).parent / "mapae"
        serving = subprocess.Popen([mapae, "serve", "--port", port], cwd=empty, stdout=subprocess.DEVNULL)
        try:
            wait_for(int(port))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=found["chromium"])
                for language, place in PLACES.items():
                    place.mkdir(exist_ok=True)
                    for name, (path, scheme) in PICTURES.items():
                        context = browser.new_context(
                            viewport=SIZE, color_scheme=scheme, locale=language, device_scale_factor=2
                        )
                        page = context.new_page()
                        page.goto(f"http://localhost:{port}{path}")
                        page.screenshot(path=place / f"{name}.png")
                        context.close()
                browser.close()
        finally:
            serving.terminate()
            serving.wait(30)


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the service did not start")


if __name__ == "__main__":
    main()
