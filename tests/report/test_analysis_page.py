"""The HTML report of an analysis: every part, sound HTML, contrast, size, stable bytes."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from balancekit import Labels, analyze
from balancekit.report.analysis_page import example_pictures, render_analysis
from balancekit.report.axes import Axis
from balancekit.report.class_table import ClassRows, embedded_json
from balancekit.report.methods import methods_of
from balancekit.report.plots import heat_map, pair_classes, rank_plot
from balancekit.report.words import without_zeros
from balancekit.stats import (
    ClassPair,
    DuplicateGroup,
    Duplicates,
    Quality,
    QualityMeasure,
    Regression,
    Shortcut,
    Sighting,
    SplitStats,
)

WITHOUT_END = ("meta", "img", "br", "input")
HOSTILE = ("</script><b>", "a\x1b[31m\n", "\u202eevil", "", "名" * 40, '"quoted" & <i>')


def of_counts(counts, names=None):
    names = names or [f"class {i}" for i in range(len(counts))]
    return analyze(
        Labels(class_ids=np.repeat(np.arange(len(counts)), counts), class_names=tuple(names))
    )


def page_of(stats, **given):
    return render_analysis(stats, how_made="balancekit analyze DATA", **given)


def with_parts(stats):
    """The same Stats with every part that an analysis can have."""
    names, n = stats.class_names, len(stats.class_names)
    table = msgspec.structs.replace(
        stats.per_class,
        small=tuple(range(n)),
        medium=(3,) * n,
        large=(1,) * n,
        pixels=tuple(1000 * count for count in stats.class_counts),
        repeat_factor=(1.5,) * (n - 1) + (None,),
        median_frequency_weight=(1.0,) * n,
        irlbl=(2.0,) * n,
        held_out=tuple(range(n)),
        recall_half_width=(0.5, 0.43, 0.38, 0.34, 0.3, 0.28)[:n],
    )
    split = SplitStats(
        name="val <i>",
        n_samples=40,
        n_unlabelled=1,
        class_counts=(*range(n), 4),
        jensen_shannon=0.031,
        jensen_shannon_null=0.012,
        psi=0.2,
        psi_null=0.1,
        p_value=0.004,
        missing_classes=names[:1],
        extra_classes=("only <here>",),
        n_leaks=7,
        n_near_leaks=2,
    )
    sightings = (Sighting("train", names[0], "a <1>.jpg"), Sighting("val", names[1], "b.jpg"))
    return msgspec.structs.replace(
        stats,
        media="pictures",
        n_void_pixels=99,
        per_class=table,
        splits=(split, msgspec.structs.replace(split, name="test", jensen_shannon=None)),
        multilabel=a_multilabel(names),
        duplicates=Duplicates(
            n_compared=90,
            n_exact=3,
            n_near=2,
            n_conflicts=1,
            n_groups=40,
            share_per_class=(0.01,) * n,
            groups=(DuplicateGroup(near=False, n_samples=30, sightings=sightings),),
        ),
        quality=Quality(
            n_pictures=90,
            measures=(
                QualityMeasure(
                    name="brightness",
                    unit="0 to 255",
                    median=100.0,
                    median_per_class=(*range(90, 89 + n), None),
                ),
                QualityMeasure(name="none", unit="", median=1.0, median_per_class=(None,) * n),
                QualityMeasure(name="equal", unit="", median=1.0, median_per_class=(1.0,) * n),
            ),
            shortcuts=(
                Shortcut(
                    class_name=names[0],
                    measure="brightness",
                    auc=0.97,
                    median=30.0,
                    median_of_others=120.0,
                ),
            ),
        ),
    )


def a_multilabel(names):
    rows = Labels(
        class_ids=[0, 1, 0, 1, 2, 1],
        class_names=names,
        offsets=[0, 2, 5, 6],
    )
    return analyze(rows).multilabel


def a_regression():
    stats = analyze(Labels.from_values([1.0, 2, 2, 2, 3, 9] * 8))
    target = Regression(
        low=1,
        high=9,
        bin_width=1,
        n_bins=9,
        n_empty_bins=5,
        share_empty_bins=5 / 9,
        median=2,
        share_few=8 / 9,
    )
    return msgspec.structs.replace(stats, regression=target)


def detection():
    rng = np.random.default_rng(1)
    labels = Labels(
        class_ids=rng.integers(0, 40, 600),
        class_names=tuple(f"object {i}" for i in range(40)),
        offsets=np.arange(0, 601, 6),
        sizes=rng.uniform(1, 30_000, 600),
        task="detection",
    )
    return analyze(labels)


SETS = {
    "every part": lambda: with_parts(of_counts([300, 60, 20, 9, 2, 0], HOSTILE)),
    "no class": lambda: of_counts([]),
    "empty classes": lambda: of_counts([0, 0]),
    "one class": lambda: of_counts([7]),
    "one sample": lambda: of_counts([1]),
    "two classes": lambda: of_counts([300, 7]),
    "equal classes": lambda: of_counts([5] * 300),
    "regression": a_regression,
    "detection": detection,
}


class Outline(HTMLParser):
    """Checks that tags close, and collects what a screen reader goes by."""

    def __init__(self, page):
        super().__init__()
        self.open, self.headings, self.ids, self.refs = [], [], [], []
        self.elements, self.captions, self.tables = [], 0, 0
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in WITHOUT_END:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [given["id"]] if "id" in given else []
        for name in ("aria-labelledby", "aria-describedby", "for"):
            self.refs += given.get(name, "").split()
        if given.get("href", "").startswith("#"):
            self.refs.append(given["href"][1:])
        self.elements.append((tag, given))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def all(self, tag):
        return [given for name, given in self.elements if name == tag]


@pytest.mark.parametrize("make", SETS.values(), ids=SETS.keys())
def test_page_is_sound_accessible_and_stands_alone(make):
    page = page_of(make())
    outline = Outline(page)
    assert outline.headings.count(1) == 1
    assert outline.headings[0] == 1
    assert max(np.diff(outline.headings)) <= 1, "no heading skips a level"
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.refs) <= set(outline.ids)
    landmarks = [tag for tag, _ in outline.elements if tag in ("header", "nav", "main", "footer")]
    assert sorted(set(landmarks)) == ["footer", "header", "main", "nav"]
    assert len(outline.all("table")) == len(outline.all("caption"))
    assert all("scope" in head for head in outline.all("th"))
    assert all(picture["alt"] for picture in outline.all("img"))
    shown = [drawing for drawing in outline.all("svg") if "aria-hidden" not in drawing]
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in shown)
    attributes = [attrs for _, attrs in outline.elements]
    scrolled = [attrs for attrs in attributes if attrs.get("tabindex") == "0"]
    assert all(attrs["role"] in ("group", "region") for attrs in scrolled)
    names = {name for attrs in attributes for name in attrs}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in page
    assert "@import" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert not re.search(
        r"\b(nan|inf|None)\b", re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    )


@pytest.mark.parametrize("make", SETS.values(), ids=SETS.keys())
def test_every_drawing_is_sound_and_inside_its_frame(make):
    drawings = re.findall(r"<svg xmlns.*?</svg>", page_of(make()), re.DOTALL)
    for text in drawings:
        svg = ElementTree.fromstring(text)
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        kinds = [child.tag.rpartition("}")[2] for child in svg][:2]
        assert kinds == ["title", "desc"]
        for rect in svg.iter("{http://www.w3.org/2000/svg}rect"):
            x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            assert -0.1 <= x <= x + w <= width + 0.1
            assert -0.1 <= y <= y + h <= height + 0.1
        for circle in svg.iter("{http://www.w3.org/2000/svg}circle"):
            assert 0 <= float(circle.attrib["cx"]) <= width
            assert 0 <= float(circle.attrib["cy"]) <= height


PARTS = "balance issues classes examples sizes pixels together splits recall duplicates quality"


def test_page_of_every_part_has_them_all_and_of_none_has_no_empty_one():
    page = page_of(SETS["every part"](), examples={HOSTILE[0]: [np.zeros((9, 9), np.uint8)]})
    sections = re.findall(r'<section aria-labelledby="(\w+)"', page)
    assert sections == [*PARTS.split(), "method", "provenance"]
    plain = re.findall(r'<section aria-labelledby="(\w+)"', page_of(of_counts([300, 7])))
    assert plain == ["balance", "issues", "classes", "method", "provenance"]


SHOWN = {
    "verdict": 'class="verdict bad"',
    "shift beyond chance": "0.0310, shifted",
    "leaks": ">7 + 2 near<",
    "classes of its own": "only &lt;here&gt;",
    "shift between splits": "Shares in the measured split and val &lt;i&gt;",
    "share of the pixels": "% of px</text>",
    "what a column means": "<dt>IRLbl</dt><dd>largest label count over that of the class</dd>",
    "duplicates of the same content": "Group 1: 30 samples of the same content, in 2 classes",
    "how many groups are listed": "1 of 40 groups, conflicts and leaks first.",
    "conflicts of nearly the same": "nearly the same, different classes",
    "the sample of a duplicate": "a &lt;1&gt;.jpg",
    "shortcut": ">0.97<",
    "recall not at all": "not at all",
    "void pixels and sizes": "small, under 32² px²",
    "SCUMBLE": "<dt>SCUMBLE</dt>",
    "formula": "n<sub>(i)</sub>",
    "command": "balancekit analyze DATA",
    "schema": "balancekit.analysis/1",
    "blank name": "(blank)",
    "escaped mark": "\\u202eevil",
}


@pytest.mark.parametrize("words", SHOWN.values(), ids=SHOWN.keys())
def test_page_shows(words):
    assert words in page_of(SETS["every part"]())


def test_first_plot_of_a_task_on_pictures_counts_pictures_and_not_samples():
    page = page_of(detection())
    assert "Pictures of each class by rank" in page
    assert "Samples of each class by rank" not in page


@pytest.mark.parametrize(("value", "text"), [(640.0, "640"), (2.625, "2.62"), (None, "–")])
def test_a_whole_number_has_no_decimals(value, text):
    assert without_zeros(value) == text


def test_names_and_paths_that_are_no_utf8_are_spelt_out():
    stats = msgspec.structs.replace(of_counts([3, 2]), source="a\udce9", split="\ud800")
    page = render_analysis(stats, examples={}, how_made="analyze a\udce9")
    assert page.encode("utf-8")
    assert "analyze a\\udce9" in page


def test_issues_stand_by_severity_with_what_to_do_and_why():
    page = page_of(of_counts([300, 1, 0]))
    assert page.index("<h3>1 error</h3>") < page.index("<h3>1 warning</h3>")
    assert page.index("BK103") < page.index("BK102")
    assert "→ Collect at least 10 samples" in page
    assert "Why it matters" in page
    assert "class 1 (1)" in page


def test_every_method_is_told_once_and_only_where_it_is_shown():
    every = methods_of(SETS["every part"]())
    names = [method.name for method in every]
    assert len(names) == len(set(names))
    assert {"SCUMBLE", "Small, medium, large", "Null interval of shift", "Shortcut"} <= set(names)
    for method in every:
        assert method.formula
        assert re.search(r"\d{4}", method.source), method.name
    plain = {method.name for method in methods_of(of_counts([3, 2]))}
    assert "Imbalance ratio" in plain
    assert not plain & {"SCUMBLE", "Shortcut", "Duplicates", "Null interval of shift"}


def test_first_rows_stand_without_script_and_all_of_them_in_the_data():
    stats = of_counts(range(1, 1204))
    page = page_of(stats)
    table = page[page.index('id="class-table"') : page.index("</table>")]
    assert table.count("<tr>") == 201
    assert 100_000 < len(page.encode()) < 300_000
    rows = ClassRows.of(stats)
    data = msgspec.json.decode(rows.to_json())
    assert len(data["names"]) == len(data["shots"]) == len(data["columns"][0]["values"]) == 1203
    assert data["columns"][0]["values"][:2] == [1203, 1202]


def test_hundred_thousand_long_names_stay_under_ten_megabytes():
    counts = np.maximum(1, 50_000 // np.arange(1, 100_001))
    page = page_of(of_counts(counts, [f"{i} {'名' * 50}" for i in range(100_000)]))
    assert 3_000_000 < len(page.encode()) < 10_000_000
    assert "100,000 long names are cut" in page


def test_more_classes_than_the_table_holds_leave_out_the_middle():
    rows = ClassRows.of(of_counts([2] * 60_000 + [1] * 60_000))
    assert len(rows.names) == 100_000
    assert rows.n_left_out == 20_000
    assert (rows.names[0], rows.names[-1]) == ("class 0", "class 119999")


@given(st.lists(st.text()))
def test_embedded_json_is_the_same_data_without_markup(texts):
    written = embedded_json(texts)
    assert msgspec.json.decode(written.encode("utf-8", "surrogatepass").decode("utf-8")) == texts
    assert not set("<>&\u2028\u2029") & set(written)


def test_bytes_are_the_same_in_another_process():
    script = (
        "import sys; from balancekit import Labels, analyze\n"
        "from balancekit.report.analysis_page import render_analysis\n"
        "stats = analyze(Labels.from_names(['cat'] * 30 + ['dog'] * 3 + ['eel'] * 3))\n"
        "sys.stdout.write(render_analysis(stats, how_made='m'))"
    )
    pages = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert pages[0] == pages[1]
    assert len(pages[0]) > 10_000


def luminance(channels):
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """Ratio of luminances, by WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def schemes():
    style = files("balancekit.report").joinpath("templates/style.css").read_text("utf-8")
    for part in style.split("@media")[:2]:
        found = re.findall(r"--(\w+): #(\w{6})", part)
        yield {n: np.array([int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)]) for n, c in found}


@pytest.mark.parametrize("colours", [*schemes()], ids=["light", "dark"])
def test_contrast_is_enough_in_both_schemes(colours):
    for ink in ("ink", "soft", "good", "fair", "poor", "bad", "two"):
        for ground in ("paper", "card"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for mark in ("one", "two", "three", "focus"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark

    def blend(shade, colour="two"):
        return shade * colours[colour] + (1 - shade) * colours["paper"]

    for shade in (0.06, 0.5, 0.2):  # heat map, and bars of medium and large boxes
        assert contrast(colours["ink"], blend(shade)) >= 4.5, shade
    assert contrast(colours["on"], blend(0.95)) >= 4.5, "bars of small boxes"
    for shade in (0.015, 0.045, 0.075):
        assert contrast(colours["ink"], blend(shade, "ink")) >= 4.5, "bands of the rank plot"


def test_curve_of_many_classes_is_thinned_and_keeps_its_ends():
    counts = np.maximum(1, 50_000 // np.arange(1, 100_001))
    svg = rank_plot(counts, [""] * 100_000, "t", unit="samples", in_groups=True)
    path = re.search(r'd="M([^"]+)" fill="none"', svg)[1].split("L")
    assert 500 < len(path) <= 1000
    assert len(svg) < 40_000
    few = rank_plot([3, 2, 1], ["a", "b", "c"], "t", unit="samples", in_groups=True)
    assert few.count("<circle") == 3
    assert path[0].split(",")[0] == re.search(r'cx="([\d.]+)"', few)[1]


def test_rank_plot_says_how_many_classes_each_group_has():
    svg = rank_plot([200, 100, 20, 19], list("abcd"), "t", unit="samples", in_groups=True)
    for words in ("many: 1", "medium: 2", "few: 1", "a · 200", "d · 19"):
        assert words in svg
    assert "many" not in rank_plot([9, 1], list("ab"), "t", unit="pixels", in_groups=False)


def test_heat_map_takes_the_classes_of_the_most_frequent_pairs():
    pairs = [
        ClassPair(first=f"c{i}", second=f"c{i + 1}", n_samples=100 - i, jaccard=0.5, lift=2.0)
        for i in range(60)
    ]
    assert len(pair_classes(pairs)) == 25
    assert pair_classes(pairs[:2]) == ["c1", "c0", "c2"]
    assert ">100</text>" in heat_map(pairs, "t")


@given(
    st.floats(1e-3, 1e9),
    st.floats(1.001, 1e9),
    st.booleans(),
)
def test_ticks_lie_between_the_ends_in_rising_order(low, factor, log):
    axis = Axis(low=low, high=low * factor, start=0, end=100, log=log)
    ticks = axis.ticks()
    assert len(ticks) <= 13
    assert ticks == sorted(ticks)
    assert all(-0.1 <= axis.at(tick) <= 100.1 for tick in ticks)


@pytest.fixture
def picture_folder(tmp_path):
    """Three classes: one of broken files alone, a rare one, a common one."""
    sizes = {"rare": (300, 100), "common": (40, 40)}
    names, paths = [], []
    for name, n in (("broken", 1), ("rare", 2), ("common", 6)):
        for i in range(n):
            path = tmp_path / f"{name}{i}.jpg"
            if name == "broken" or (name == "common" and i == 0):
                path.write_bytes(b"no picture")
            else:
                Image.new("RGB", sizes[name], (200, 10 * i, 0)).save(path)
            names.append(name)
            paths.append(str(path))
    return Labels.from_names(names, sample_ids=paths, media="pictures")


def test_examples_are_of_the_rarest_classes_and_skip_what_cannot_be_read(picture_folder):
    stats = analyze(picture_folder, verify="none")
    found = example_pictures(picture_folder, stats, n_classes=2, per_class=4)
    assert list(found) == ["rare", "common"]
    assert [picture.shape for picture in found["rare"]] == [(43, 128, 3)] * 2
    assert [picture.shape for picture in found["common"]] == [(40, 40, 3)] * 4
    page = page_of(stats, examples=found)
    assert page.count("data:image/") == 6
    assert 'alt="example 1 of class rare"' in page
    assert page.index('<bdi title="rare">') < page.index('<bdi title="common">')


def test_examples_of_samples_that_carry_several_classes_and_none_without_files(tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    for path in paths:
        Image.new("L", (8, 8)).save(path)
    labels = Labels(
        class_ids=[0, 0, 1, 0],
        class_names=("a", "b"),
        offsets=[0, 3, 4],
        sample_ids=paths,
        media="pictures",
    )
    stats = analyze(labels, verify="none")
    found = example_pictures(labels, stats)
    assert {name: len(pictures) for name, pictures in found.items()} == {"b": 1, "a": 2}
    gone = Labels.from_names(["a", "b"], sample_ids=["gone.jpg", "\0"], media="pictures")
    assert example_pictures(gone, analyze(gone, verify="none")) == {}
    assert example_pictures(Labels.from_names(["a"]), analyze(["a"])) == {}


def test_example_stands_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 100)).save(path, exif=exif)
    labels = Labels.from_names(["a"], sample_ids=[str(path)], media="pictures")
    found = example_pictures(labels, analyze(labels, verify="none"))
    assert found["a"][0].shape == (128, 32, 3)
