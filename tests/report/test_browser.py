"""The page in a browser: it opens without a request to anywhere, without an error."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from balancekit import Labels, analyze, preview, recommend
from balancekit.report.page import Pictures, render_page

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PROBE = """<script>addEventListener("load", () => {
  const asked = performance.getEntriesByType("resource").map(entry => entry.name);
  const scrollbar = innerWidth - document.documentElement.clientWidth;
  document.title = document.documentElement.scrollWidth + scrollbar + " " + asked.join(" ");
})</script>"""
"""Tells, from inside the page, how wide it is and what it asked for."""

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width_px", [500, 1100])
def test_page_opens_without_request_and_without_error(width_px, tmp_path):
    labels = Labels(
        class_ids=np.repeat(np.arange(3), (90, 20, 3)), class_names=("cat", "<b>dog", "a" * 60)
    )
    stats = analyze(labels)
    plan = recommend(stats)
    picture = np.full((32, 32), 90, np.uint8)
    page = render_page(
        "A test",
        stats,
        plan,
        preview(plan, labels, batch_size=8),
        pictures=Pictures(by_class={"cat": [picture]}, augmented={}, operations=[]),
        how_made="by a test",
    )
    page = page.replace("</body>", PROBE + "</body>")
    assert told_by_browser(page, width_px, tmp_path) == (str(width_px), "")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_request_would_be_told(tmp_path):
    page = f'<!doctype html><body><img src="http://x.invalid/a.png" alt="">{PROBE}'
    assert told_by_browser(page, 500, tmp_path) == ("500", "http://x.invalid/a.png")


def told_by_browser(page, width_px, folder):
    """Width of the page in px, and the addresses that it asked for."""
    place = folder / "page.html"
    place.write_text(page, encoding="utf-8")
    result = subprocess.run(
        [
            CHROMIUM,
            *OPTIONS,
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width_px},900",
            "--dump-dom",
            place.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in result.stderr
    told = re.search(r"<title>(\d+) (.*)</title>", result.stdout)
    assert told is not None
    return told.groups()
