"""`balancekit formats`."""

from balancekit.cli.output import output_console

__all__ = ["formats"]

EXTRAS = {"datumaro": "formats"}
"""Formats that take an extra of the package; data sets of Hugging Face in memory, URLs that
begin with http, and Ray have extras of their own."""

INDENT = 17


def formats() -> int:
    """The formats of data that can be read."""
    from rich.text import Text

    from balancekit.report.terminal.layout import say, say_verbatim
    from balancekit.sources import FORMATS

    console = output_console()
    say(console, f"{len(FORMATS)} formats, told from the data, or by --format:", indent=0)
    for entry in sorted(FORMATS, key=lambda entry: entry.name):
        console.print()
        say(console, entry.what, first=f"  {entry.name}", first_style="bold", indent=INDENT)
        say(console, ", ".join(entry.tasks), "dim", indent=INDENT)
        if entry.name in EXTRAS:
            brings = f"needs, from a clone: pip install '.[{EXTRAS[entry.name]}]'"
            say(console, Text(brings, "yellow"), indent=INDENT)
    console.print()
    say(
        console,
        "Also URLs of any of them (for http, from a clone: pip install '.[remote]'), and labels "
        "that Labels.save wrote.",
        "dim",
        indent=0,
    )
    console.print("\nNext:")
    say_verbatim(console, ["balancekit analyze data/ --format csv"])
    return 0
