"""Curves lie where their values are, and their names stand apart and inside."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from balancekit.report.line_plot import Scale, line_plot

SVG = "{http://www.w3.org/2000/svg}"
X, Y = Scale(title="x"), Scale(title="y")


def parsed(curves, x=X, y=Y):
    return ElementTree.fromstring(line_plot(curves, "a title", x=x, y=y))


def paths(svg):
    """Points of each curve, [n, 2]."""
    drawn = [path.attrib["d"][1:].split("L") for path in svg.iter(f"{SVG}path")]
    return [np.array([point.split(",") for point in points], float) for points in drawn]


def names(svg, curves):
    """Place of each curve's name, x and y."""
    texts = {text.text: text for text in svg.iter(f"{SVG}text")}
    return [tuple(float(texts[name].attrib[key]) for key in "xy") for name in curves]


def test_points_lie_in_proportion():
    (points,) = paths(parsed({"line": ([0, 1, 4], [0, 2, 8])}))
    (left, floor), middle, (right, top) = points
    np.testing.assert_allclose(middle, (left + (right - left) / 4, floor + (top - floor) / 4), 1e-3)
    assert top < floor


def test_log_axes_have_equal_ratios_at_equal_distances():
    log = Scale(title="x", log=True)
    (points,) = paths(parsed({"line": ([1, 10, 100], [5, 50, 500])}, log, log))
    np.testing.assert_allclose(np.diff(points[:, 0])[0], np.diff(points[:, 0])[1], atol=0.2)
    np.testing.assert_allclose(np.diff(points[:, 1])[0], np.diff(points[:, 1])[1], atol=0.2)


def test_what_is_not_finite_or_beyond_the_axes_is_left_out():
    curves = {"line": ([0, 1, 2, 3, 4], [0, np.nan, 1, np.inf, 9])}
    (points,) = paths(parsed(curves, y=Scale(title="y", high=2)))
    assert len(points) == 2


@pytest.mark.parametrize("end", [0.0, 0.5, 1.0], ids=["at the floor", "midway", "at the top"])
def test_names_of_curves_that_end_together_stand_apart_inside_the_frame(end):
    curves = {f"curve {i}": ([0, 1], [i / 4, end]) for i in range(4)}
    svg = parsed(curves, y=Scale(title="y", high=1))
    heights = sorted(y for _, y in names(svg, curves))
    assert min(np.diff(heights)) >= 16 - 1e-6
    assert 8 < heights[0] <= heights[-1] < float(svg.attrib["height"]) - 8


def test_curves_differ_without_colours_and_are_told_to_screen_readers():
    curves = {f"<{i}>": ([0, 1], [i, 2.5 * i]) for i in range(4)}
    svg = parsed(curves)
    assert len({path.attrib.get("stroke-dasharray") for path in svg.iter(f"{SVG}path")}) == 4
    title, desc = (svg.find(f"{SVG}{tag}").text for tag in ("title", "desc"))
    assert title == "a title"
    assert "<3>: from 3 at 0 to 7.5 at 1" in desc


def test_no_number_is_written_that_is_none():
    flat = line_plot({"flat": ([1, 1], [0, 0])}, "t", x=X, y=Y)
    assert not re.search(r"\b(nan|inf)\b", flat)
