"""Write the generated pages of the documentation: `python docs/make.py`.

- reference/commands.md, from the commands' own help
- reference/issues.md, from the table of issue kinds
- pictures/analyze.svg, what `balancekit analyze` prints of the digits of `balancekit demo`
"""

import contextlib
import io
import tempfile
from pathlib import Path

from rich.console import Console

from balancekit import analyze
from balancekit.analysis import ISSUE_KINDS
from balancekit.cli import app
from balancekit.cli.demo import write_digits
from balancekit.report import show_stats

DOCS = Path(__file__).parent

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
    rows = [
        f"| {code} | {kind.severity} | {kind.title} | {kind.what_to_do} |"
        for code, kind in sorted(ISSUE_KINDS.items())
    ]
    return "\n".join(
        [
            "<!-- Written by docs/make.py from balancekit/analysis/issue_kinds.py. -->",
            "# Issues",
            "",
            "`error` stops or spoils training, `warning` limits it, `info` is only said. "
            "`balancekit analyze --strict` exits with 3 if files or rows had to be skipped "
            "(BK201 to BK203).",
            "",
            "| code | severity | what is so | what to do |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def analyze_picture() -> str:
    """The report of the digits, as SVG."""
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        stats = analyze(str(write_digits(Path("balancekit-demo"))))
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True)
    show_stats(stats, console)
    return console.export_svg(title="balancekit analyze digits/", code_format=SVG)


if __name__ == "__main__":
    (DOCS / "reference" / "commands.md").write_text(commands_page())
    (DOCS / "reference" / "issues.md").write_text(issues_page())
    (DOCS / "pictures" / "analyze.svg").write_text(analyze_picture())
