"""Issues as workflow commands of GitHub Actions, which it shows as annotations."""

from collections.abc import Iterator

from balancekit.report.words import issue_examples, printable, verdict
from balancekit.stats import Severity, Stats

__all__ = ["annotations", "command"]

LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def annotations(stats: Stats) -> Iterator[str]:
    """A line for the verdict, and one for each issue.

    Source: "Workflow commands for GitHub Actions" of the GitHub documentation.
    """
    line, tone = verdict(stats)
    source = printable(stats.source)
    yield command("warning" if tone == "bad" else "notice", "balancekit", f"{line} ({source})")
    for issue in stats.issues:
        examples = issue_examples(issue)
        content = f"{issue.title}: {issue.count:,}\n{issue.what_to_do}\n{examples}".rstrip()
        yield command(LEVELS[issue.severity], issue.code, content)


def command(level: str, title: str, message: str) -> str:
    r"""One annotation.

    >>> command("error", "BK201: a", "100 % of them,\nall")
    '::error title=BK201%3A a::100 %25 of them,%0Aall'
    """
    return f"::{level} title={_property(title)}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
