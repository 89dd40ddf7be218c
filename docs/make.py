"""Write the generated pages of the documentation: `python docs/make.py`.

- reference/commands.md, from the commands' own help
- reference/issues.md, from the table of issue kinds
- reference/gates.md, from the measures that --fail-on knows
- reference/losses.md, from the table of losses, by losses_page.py
- reference/augmentation-rules.md, from the task rules, by augmentation_rules_page.py
- reference/recommendation-rules.md, from the rules, by recommendation_rules_page.py
- pictures/losses/, from the losses, by loss_pictures.py
- pictures/analyze.svg, what `balancekit analyze` prints of the digits of `balancekit demo`
- pictures/one-net-correction.svg, what the example of explanation/one-net-correction.md learns
"""

import contextlib
import io
import re
import runpy
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from balancekit import analyze
from balancekit.analysis import ISSUE_KINDS, IssueKind
from balancekit.cli import app
from balancekit.cli.demo_digits import write_digits
from balancekit.cli.diff import MEASURES as DIFF_MEASURES
from balancekit.cli.measures import MEASURES, when_known
from balancekit.report import show_stats

DOCS = Path(__file__).parent

DOT_COLORS = ("#3b82f6", "#22a06b", "#e5484d")

# No web font: the picture asks nothing of the network.
SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def commands_page() -> str:
    """Every command with its arguments and options."""
    note = "<!-- Written by docs/make.py from the commands' help. -->\n"
    return note + app.generate_docs(heading_level=1).rstrip() + "\n"


def issues_page() -> str:
    """Every kind of issue in one table."""
    kinds = sorted(ISSUE_KINDS.items())
    rows = [
        f"| {code} | {kind.severity} | {kind.title} | {kind.what_to_do} |" for code, kind in kinds
    ]
    return "\n".join(
        [
            "<!-- Written by docs/make.py from balancekit/analysis/issue_kinds.py. -->",
            "# Issues",
            "",
            "`error` stops or spoils training, `warning` limits it, `info` is only said. "
            "`balancekit analyze --strict` exits with 3 if files, rows or annotations had to be "
            "skipped: if there is an error among BK2xx. `balancekit explain CODE` shows what "
            "stands below.",
            "",
            "| code | severity | what is so | what to do |",
            "|---|---|---|---|",
            *rows,
            *(line for code, kind in kinds for line in _explained(code, kind)),
            "",
        ]
    )


def _explained(code: str, kind: IssueKind) -> list[str]:
    """The section of a kind of issue."""
    return ["", f"## {code}: {kind.title}", "", kind.explanation] if kind.explanation else []


def gates_page() -> str:
    """The measures that --fail-on compares, of analyze and of diff."""
    return "\n".join(
        [
            "<!-- Written by docs/make.py from balancekit/cli/measures.py and diff.py. -->",
            "# Gates: what --fail-on can compare",
            "",
            "A gate is a condition that must not hold, such as `ir > 100 or not (few == 0)`: "
            "comparisons of a measure with a number by `>`, `>=`, `<`, `<=`, `==` or `!=`, joined "
            "by `and`, `or`, `not` and brackets. Where it holds, the exit code is 1 and the reason "
            "stands on stderr. Where it depends on a measure that was not made, the exit code is "
            "2: an answer that nobody looked for is not a pass.",
            "",
            "## analyze",
            "",
            "Codes of issues, such as `BK201`, are how often they were found.",
            "",
            "| measure | what it is | known |",
            "|---|---|---|",
            *(
                f"| `{name}` | {what} | {when_known(name)} |"
                for name, (what, _) in MEASURES.items()
            ),
            "",
            "## diff",
            "",
            "| measure | what it is |",
            "|---|---|",
            *(f"| `{name}` | {what} |" for name, (what, _) in DIFF_MEASURES.items()),
            "",
        ]
    )


def losses_page() -> str:
    """Every loss, with its picture."""
    page: str = _script("losses_page")["losses_page"](loss_pictures())
    return page


def augmentation_rules_page() -> str:
    """The task rules, from their data file."""
    page: str = _script("augmentation_rules_page")["augmentation_rules_page"]()
    return page


def recommendation_rules_page() -> str:
    """The rules of recommendation, from their data file."""
    page: str = _script("recommendation_rules_page")["recommendation_rules_page"]()
    return page


def loss_pictures() -> dict[str, str]:
    """The pictures of the losses, SVG by name."""
    pictures: dict[str, str] = _script("loss_pictures")["loss_pictures"]()
    return pictures


def _script(name: str) -> dict[str, Any]:
    """What another file of this folder defines, which need not be on the path."""
    return runpy.run_path(str(DOCS / f"{name}.py"))


def analyze_picture() -> str:
    """The report of the digits, as SVG."""
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        stats = analyze(str(write_digits(Path("balancekit-demo"))))
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True)
    show_stats(stats, console)
    return console.export_svg(title="balancekit analyze digits/", code_format=SVG)


def one_net_picture() -> str:
    """The biases that each way of training learns, as SVG: one row a way, one dot a class."""
    page = (DOCS / "explanation" / "one-net-correction.md").read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "one-net-correction.md", "exec"), names)  # noqa: S102  # our own page
    rows = names["rows"]
    height = 82 + 30 * len(rows)
    x = {bias: 420 + 90 * bias for bias in range(-2, 3)}
    parts = [
        f'<line x1="{at}" x2="{at}" y1="30" y2="{height - 50}" stroke="#8885"/>'
        f'<text x="{at}" y="{height - 32}" text-anchor="middle">{bias}</text>'
        for bias, at in x.items()
    ]
    axis = "bias of the last layer: 0 where the classes are taken for equal"
    parts.append(f'<text x="420" y="{height - 10}" text-anchor="middle">{axis}</text>')
    legend = zip(("90 %", "9 %", "1 %"), DOT_COLORS, (190, 310, 430), strict=True)
    for name, color, at in legend:
        parts.append(f'<circle cx="{at}" cy="14" r="6" fill="{color}"/>')
        parts.append(f'<text x="{at + 12}" y="19">class of {name}</text>')
    for row, (name, biases, strength, *_) in enumerate(rows):
        y = 50 + 30 * row
        parts.append(f'<text x="8" y="{y + 5}">{name}</text>')
        parts.append(f'<text x="650" y="{y + 5}">corrected {strength:.0f} ×</text>')
        for bias, color in zip(biases, DOT_COLORS, strict=True):
            parts.append(f'<circle cx="{420 + 90 * bias:.1f}" cy="{y}" r="6" fill="{color}"/>')
    return (
        f'<svg viewBox="0 0 760 {height}" xmlns="http://www.w3.org/2000/svg" role="img" '
        'font-family="system-ui, sans-serif" font-size="14" fill="#777">\n'
        "<title>Bias of each class in the last layer, by way of training</title>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    (DOCS / "reference" / "commands.md").write_text(commands_page())
    (DOCS / "reference" / "issues.md").write_text(issues_page())
    (DOCS / "reference" / "gates.md").write_text(gates_page())
    (DOCS / "pictures" / "analyze.svg").write_text(analyze_picture())
    (DOCS / "pictures" / "one-net-correction.svg").write_text(one_net_picture())
    (DOCS / "reference" / "losses.md").write_text(losses_page())
    rules_page = DOCS / "reference" / "augmentation-rules.md"
    rules_page.write_text(augmentation_rules_page())
    (DOCS / "reference" / "recommendation-rules.md").write_text(recommendation_rules_page())
    for name, picture in loss_pictures().items():
        (DOCS / "pictures" / "losses" / f"{name}.svg").write_text(picture)
