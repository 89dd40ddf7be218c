"""The page of the journey as `balancekit preview --html` writes it."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from balancekit.cli.analyze import analyze_with_progress
from balancekit.cli.options import Reading
from balancekit.cli.plan_code import training_lines
from balancekit.cli.recommend import operation_names_of
from balancekit.errors import OptionError
from balancekit.files import write_whole
from balancekit.labels import Labels

if TYPE_CHECKING:
    from balancekit.comparison import Comparison
    from balancekit.exposure import Exposure
    from balancekit.plan import Plan

__all__ = ["comparison_from_file", "write_plan_page"]


def comparison_from_file(path: str, plan: "Plan") -> "Comparison":
    """What `balancekit compare -o` has written.

    Args:
        path: of the JSON file.
        plan: whose classes it must be of.

    Raises:
        OptionError: the file cannot be read, is something else, or is of other classes.
    """
    import balancekit

    try:
        content = Path(path).read_bytes()
        comparison = msgspec.json.decode(content, type=balancekit.Comparison)
    except OSError as error:
        raise OptionError(f"--comparison {path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OptionError(
            f"--comparison {path}: expected what balancekit compare -o writes: {error}"
        ) from None
    if comparison.class_names != plan.data.class_names:
        raise OptionError(
            f"--comparison {path}: expected the {len(plan.data.class_names):,} classes of the "
            f"plan, got {len(comparison.class_names):,} others: it is of other data. Run "
            "balancekit compare on these."
        )
    return comparison


def write_plan_page(
    target: str,
    plan: "Plan",
    exposure: "Exposure",
    labels: Labels,
    *,
    data: str,
    reading: Reading,
    path: str,
    comparison: "Comparison | None",
    how_made: str,
) -> None:
    """Analyze the data, and write the page whole or not at all.

    Args:
        target: file of the page.
        plan: from its file.
        exposure: what training will see under it.
        labels: of the data.
        data: path or URL, for the analysis.
        reading: how they are read.
        path: of the plan.
        comparison: results, if there are some.
        how_made: the command that made the page.
    """
    from balancekit.report.journey import pictures_of, render_journey

    stats = analyze_with_progress(data, reading)
    page = render_journey(
        "From data to a plan",
        stats,
        plan,
        exposure,
        comparison=comparison,
        pictures=pictures_of(plan, labels, stats, operation_names_of(plan)),
        code=training_lines(
            plan, path, exposure.batch_size, data=data, arguments=reading.arguments()
        ),
        how_made=how_made,
    )
    write_whole(page.encode("utf-8", "backslashreplace"), Path(target))
