"""Find a Chromium for the browser tests, and install one if there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = (
    "No Chromium was found and none could be installed: install Chromium or Chrome, "
    "or run .venv/bin/playwright install --with-deps chromium."
)


def find() -> str | None:
    """Return the path of a Chromium: $TEST_BROWSER, one on PATH, or Playwright's own."""
    named = [os.environ.get("TEST_BROWSER"), *map(shutil.which, NAMES)]
    return next((path for path in named if path), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Try Playwright's own build, then Debian's package."""
    print("Installing a Chromium for the browser tests ...", flush=True)
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    apt = ["sh", "-c", "apt-get update -qq && apt-get install -y -qq chromium"]
    for command in (playwright, apt):
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0 and find():
            return


def main() -> int:
    """Check for a browser, or install one with `--install`; in CI a missing one is an error."""
    if not find() and "--install" in sys.argv:
        install()
    if find():
        return 0
    print(REMEDY)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
