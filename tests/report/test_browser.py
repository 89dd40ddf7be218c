"""The pages in a browser: no request, no error, and a class table that sorts and searches."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess

import msgspec
import numpy as np
import pytest

from balancekit import Labels, analyze, preview, recommend
from balancekit.report.analysis_page import render_analysis
from balancekit.report.journey import Pictures, render_journey
from balancekit.stats import Issue

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

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
    "--virtual-time-budget=20000",
)
DARK = "--blink-settings=preferredColorScheme=0"

PROBE = """
addEventListener("load", async () => {
  const told = {};
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const text = (element) => element.textContent.replace(/\\s+/g, " ").trim();
  const rows = () => [...document.querySelectorAll("#class-table tbody tr")].map(
    (row) => [...row.cells].map((cell) => text(cell).replace(/[▲▼]/g, "").trim()));
  const heads = () => [...document.querySelectorAll("#class-table thead th")];
  const head = (title) => heads().find((cell) => cell.textContent.includes(title));
  const sorting = () => Object.fromEntries(heads().filter((cell) => cell.hasAttribute("aria-sort"))
    .map((cell) => [text(cell).replace(/[▲▼]/g, "").trim(), cell.getAttribute("aria-sort")]));
  const names = () => rows().map((row) => row[1]);
  const found = () => text(document.getElementById("class-found"));
  const type = async (words) => {
    const box = document.getElementById("class-search");
    box.value = words;
    box.dispatchEvent(new Event("input"));
    await wait(400);
  };
  const choose = (value) => {
    const list = document.getElementById("class-shot");
    list.value = [...list.options].find((option) => text(option).startsWith(value)).value;
    list.dispatchEvent(new Event("change"));
  };
  try { STEPS } catch (error) { told.error = String(error); }
  const place = document.createElement("pre");
  place.id = "told";
  place.textContent = JSON.stringify(told);
  document.body.append(place);
});
"""
"""Acts and looks from inside of the page; what it saw stands in the page at the end."""

WIDTH = """
  const scrollbar = innerWidth - document.documentElement.clientWidth;
  told.width = document.documentElement.scrollWidth + scrollbar;
  told.asked = performance.getEntriesByType("resource").map((entry) => entry.name);
"""


def told_by_browser(page, steps, folder, *options, width_px=1100):
    """What the steps told, after a look at the page; the browser must have no complaint."""
    page = probed(page, PROBE.replace("STEPS", steps))
    told, log = opened(page, folder, *options, width_px=width_px)
    assert "CONSOLE" not in log, log
    assert "error" not in told, told
    return told


def opened(page, folder, *options, width_px=1100):
    """What stands in the page at the end as told, and the log of the browser."""
    place = folder / "page.html"
    place.write_text(page, encoding="utf-8")
    result = subprocess.run(
        [
            CHROMIUM,
            *OPTIONS,
            *options,
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
    told = re.search(r'<pre id="told">(.*?)</pre>', result.stdout, re.DOTALL)
    assert told is not None, result.stderr
    return json.loads(html.unescape(told[1])), result.stderr


def probed(page, script):
    """The page with one more script, which its policy is told to allow."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"&#39;sha256-{digest}&#39;"
    if "script-src " in page:
        page = page.replace("script-src ", f"script-src {allowed} ", 1)
    else:
        page = page.replace("default-src ", f"script-src {allowed}; default-src ", 1)
    assert page.count("</body>") == 1
    return page.replace("</body>", f"<script>{script}</script></body>")


def of_counts(counts, names=None):
    names = names or [f"class {i}" for i in range(len(counts))]
    return analyze(
        Labels(class_ids=np.repeat(np.arange(len(counts)), counts), class_names=tuple(names))
    )


def journey_page():
    labels = Labels(
        class_ids=np.repeat(np.arange(3), (90, 20, 3)), class_names=("cat", "<b>dog", "a" * 60)
    )
    stats = analyze(labels)
    plan = recommend(stats)
    return render_journey(
        "A test",
        stats,
        plan,
        preview(plan, labels, batch_size=8),
        pictures=Pictures(
            by_class={"cat": [np.full((32, 32), 90, np.uint8)]}, augmented={}, operations=[]
        ),
        how_made="by a test",
    )


def analysis_page():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 5, 300)
    labels = Labels(
        class_ids=rng.choice(30, lengths.sum(), p=np.arange(1, 31) / 465),
        class_names=tuple(f"a rather long class name {i}" * (1 + i % 3) for i in range(30)),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        sizes=rng.uniform(10, 20_000, lengths.sum()),
        task="detection",
    )
    picture = rng.integers(0, 255, (90, 60, 3)).astype(np.uint8)
    return render_analysis(
        analyze(labels),
        examples={name: [picture] * 4 for name in labels.class_names[:5]},
        how_made="a test " * 30,
    )


PAGES = {"journey": journey_page, "analysis": analysis_page}


@pytest.mark.parametrize("width_px", [500, 1100, 1600])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES.keys())
def test_page_opens_without_request_without_error_and_fits(make, width_px, tmp_path):
    told = told_by_browser(make(), WIDTH, tmp_path, width_px=width_px)
    assert told == {"width": width_px, "asked": []}


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES.keys())
def test_page_fits_a_narrow_phone(make, tmp_path):
    inside = tmp_path / "inside.html"
    tell = f"""onload = () => {{
      const told = {{}};
      {WIDTH}
      parent.postMessage(told.width, "*");
    }}"""
    inside.write_text(probed(make(), tell), encoding="utf-8")
    frame = f"""<!doctype html><body><script>addEventListener("message", (event) => {{
      const place = document.createElement("pre");
      place.id = "told"; place.textContent = event.data; document.body.append(place);
    }})</script><iframe src="{inside.as_uri()}" width="360" frameborder="0"></iframe>"""
    told, log = opened(frame, tmp_path)
    assert told == 360
    assert "CONSOLE" not in log


def test_a_request_would_be_told(tmp_path):
    page = '<!doctype html><body><img src="http://x.invalid/a.png" alt=""></body>'
    page += f"<script>{PROBE.replace('STEPS', WIDTH)}</script>"
    told, _ = opened(page, tmp_path, width_px=500)
    assert told == {"width": 500, "asked": ["http://x.invalid/a.png"]}


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES.keys())
def test_policy_stops_what_markup_would_ask_for_or_run(make, tmp_path):
    evil = (
        '<img src="http://x.invalid/a.png" onerror="document.title=1"><link rel="stylesheet" '
        'href="http://x.invalid/a.css"><script>document.title = "run"</script>'
        '<p style="position:fixed">'
    )
    page = probed(
        make().replace("</main>", f"{evil}</main>"),
        PROBE.replace(
            "STEPS",
            "told.title = document.title; told.fixed = getComputedStyle("
            'document.querySelector("main > p:last-of-type")).position;',
        ),
    )
    told, log = opened(page, tmp_path)
    assert told["title"] not in ("run", "1")
    assert told["fixed"] == "static"
    refused = re.findall(r"Content Security Policy directive:? ['\"](\S+)", log)
    assert sorted(refused) == ["img-src", "script-src", "script-src", "style-src", "style-src"]


SORTED = """
  told.first = sorting();
  for (const title of ["samples", "samples", "class", "group", "rank"]) {
    head(title).querySelector("button").click();
    (told[title] ||= []).push([sorting(), names().slice(0, 4)]);
  }
"""


def test_class_table_sorts_by_every_head(tmp_path):
    page = render_analysis(of_counts([5, 300, 30], ["b", "a", "C"]), how_made="a test")
    told = told_by_browser(page, SORTED, tmp_path)
    assert told == {
        "first": {"samples": "descending"},
        "samples": [
            [{"samples": "ascending"}, ["b", "C", "a"]],
            [{"samples": "descending"}, ["a", "C", "b"]],
        ],
        "class": [[{"class": "ascending"}, ["a", "b", "C"]]],
        "group": [[{"group": "ascending"}, ["a", "C", "b"]]],
        "rank": [[{"rank": "ascending"}, ["a", "C", "b"]]],
    }


def test_classes_without_a_value_stand_last_in_both_directions(tmp_path):
    stats = of_counts([60, 50, 40, 30, 20, 10], "abcdef")
    factors = (None, 2.0, None, 1.5, 3.0, None)
    table = msgspec.structs.replace(stats.per_class, repeat_factor=factors)
    page = render_analysis(msgspec.structs.replace(stats, per_class=table), how_made="a test")
    steps = """
      for (const n of [1, 2]) {
        head("repeat factor").querySelector("button").click();
        told[n] = names().join("");
      }"""
    assert told_by_browser(page, steps, tmp_path) == {"1": "ebdacf", "2": "dbeacf"}


SEARCHED = """
  told.all = [found(), names().length];
  await type("CLASS 11");
  told.some = [found(), names()];
  await type("nothing like it");
  told.none = [found(), names(), document.getElementById("class-pages").hidden];
  await type("");
  choose("few");
  told.few = [found(), rows().every((row) => row.at(-1) === "few")];
  choose("all");
  told.again = found();
  told.live = document.getElementById("class-found").ariaLive;
"""


def test_search_and_group_filter_the_table_and_tell_how_many(tmp_path):
    page = render_analysis(of_counts([200] * 110 + [5] * 10), how_made="a test")
    told = told_by_browser(page, SEARCHED, tmp_path)
    assert told["all"] == ["120 classes", 120]
    eleven = ["class 11", *(f"class {i}" for i in range(110, 120))]
    assert told["some"] == ["11 of 120 classes", eleven]
    assert told["none"] == ["0 of 120 classes", [], True]
    assert told["few"] == ["10 of 120 classes", True]
    assert told["again"] == "120 classes"
    assert told["live"] == "polite"


LARGE = """
  const began = performance.now();
  const buttons = [...document.querySelectorAll("#class-pages button")];
  told.rows = rows().length;
  told.pages = text(document.querySelector("#class-pages span"));
  buttons[2].click();
  told.second = [names()[0], document.querySelector("#class-table tbody tr").ariaRowIndex];
  buttons[3].click();
  told.last = [names().at(-1), buttons.map((button) => button.disabled)];
  head("class").querySelector("button").click();
  told.sorted = names()[0];
  await type("99999");
  told.found = [found(), names()];
  told.elements = document.querySelectorAll("*").length;
"""


def test_hundred_thousand_classes_can_be_turned_sorted_and_searched(tmp_path):
    counts = np.maximum(1, 50_000 // np.arange(1, 100_001))
    names = [f"species number {i:06d}" for i in range(100_000)]
    page = render_analysis(of_counts(counts, names), how_made="a test")
    told = told_by_browser(page, LARGE, tmp_path)
    assert told["rows"] == 200
    assert told["pages"] == "rows 1–200 of 100,000"
    assert told["second"] == ["species number 000200", "202"]
    assert told["last"] == ["species number 099999", [False, False, True, True]]
    assert told["sorted"] == "species number 000000"
    assert told["found"] == ["1 of 100,000 classes", ["species number 099999"]]
    assert told["elements"] < 3000


def test_rows_made_by_the_script_say_what_the_page_says_without_it(tmp_path):
    stats = of_counts([123_456, 1000, 999, 30, 0, 1, 7])
    table = msgspec.structs.replace(
        stats.per_class,
        repeat_factor=(1.0, 1234.567, 12.3456, None, None, 999.994, 1.005),
        held_out=(1000, 300, 20, 3, 0, 0, 1),
        recall_half_width=(0.0248, 0.0453, 0.1724, 0.3411, 0.5, 0.5, 0.4335),
    )
    stats = msgspec.structs.replace(stats, per_class=table)
    page = render_analysis(stats, how_made="a test")
    without = re.search(r"<tbody>(.*?)</tbody>", page[page.index("class-table") :], re.DOTALL)[1]
    plain = [
        [
            html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", without, re.DOTALL)
    ]
    assert len(plain) == 7
    assert ">99.9" not in str(plain)
    assert told_by_browser(page, "told.rows = rows();", tmp_path)["rows"] == plain


HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "\"'`${alert(1)}{{7*7}}",
    "\u202eturned\u202c",
    "שלום",
    "a\nb\x1b[31m\0",
    "\u2028\u2029",
    "&lt;b&gt;",
    "__proto__",
    "",
    "x" * 5000,
)


def test_hostile_names_are_inert(tmp_path):
    stats = of_counts([30 - i for i in range(len(HOSTILE))], HOSTILE)
    bad = Issue(
        code="BK201",
        severity="error",
        title=HOSTILE[0],
        what_to_do=HOSTILE[1],
        count=9,
        examples=HOSTILE[:5],
    )
    stats = msgspec.structs.replace(stats, issues=(bad,), source=HOSTILE[0], split=HOSTILE[0])
    picture = np.zeros((9, 9), np.uint8)
    page = render_analysis(stats, examples={HOSTILE[0]: [picture]}, how_made=HOSTILE[0])
    steps = """
      told.names = names();
      told.scripts = document.scripts.length;
      told.images = [...document.images].map((image) => image.src.slice(0, 11));
      told.handlers = document.querySelectorAll("[onerror], [onload], [style]").length;
      told.heading = text(document.querySelector("h1"));"""
    told = told_by_browser(page, steps, tmp_path)
    assert told["names"][:2] == [HOSTILE[0], HOSTILE[1]]
    assert told["names"][3] == "\\u202eturned\\u202c"
    assert told["names"][9] == "(blank)"
    assert len(told["names"]) == len(HOSTILE)
    assert told["scripts"] == 3, "the rows, the page's own, and the probe"
    assert told["images"] == ["data:image/"]
    assert told["handlers"] == 0
    assert told["heading"].endswith("onerror=alert(1)>")


COLOURS = """
  const colours = getComputedStyle(document.body);
  told.colours = [colours.color, colours.backgroundColor];
  const button = head("samples").querySelector("button");
  button.focus();
  told.focused = document.activeElement === button && button.tabIndex === 0;
  const skip = document.querySelector(".skip");
  skip.focus();
  await wait(50);
  told.skip = skip.getBoundingClientRect().top >= 0;
"""


def test_page_follows_the_colour_scheme_and_the_keyboard(tmp_path):
    page = render_analysis(of_counts([30, 3]), how_made="a test")
    light = told_by_browser(page, COLOURS, tmp_path)
    dark = told_by_browser(page, COLOURS, tmp_path, DARK)
    assert light.pop("colours") == ["rgb(27, 36, 48)", "rgb(255, 255, 255)"]
    assert dark.pop("colours") == ["rgb(230, 233, 238)", "rgb(16, 22, 31)"]
    assert light == dark == {"focused": True, "skip": True}
