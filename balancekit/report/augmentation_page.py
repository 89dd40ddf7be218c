"""The page of a policy on a data set: originals beside their augmentations, and the reasons."""

from typing import Any

from balancekit.materialize.augmented.examples import ClassExamples, Example, Examples
from balancekit.report.html import render
from balancekit.report.scene_svg import scene_svg
from balancekit.report.words import n_of, name_text, printable

__all__ = ["render_augmentation"]

VERDICTS = {
    "safe": ("good", "✓"),
    "cautious": ("fair", "▲"),
    "forbidden": ("bad", "✕"),
    "unchecked": ("info", "○"),
}
"""Tone and mark of a verdict: told by shape as well as by colour."""


def render_augmentation(examples: Examples, *, how_made: str) -> str:
    """The page as HTML text, the same bytes for the same arguments.

    Args:
        examples: what is shown.
        how_made: the command that made the page.
    """
    used = [decision.operation for decision in examples.decisions if decision.used]
    n_out = len(examples.decisions) - len(used)
    return render(
        "augmentation.html.j2",
        title=f"Augmentation for {examples.task} pictures",
        verdict=_verdict(used),
        tone="good" if used else "fair",
        n_out=n_out,
        used=used,
        format=examples.format,
        counted=_counted(examples),
        classes=[_class(examples, one) for one in examples.classes],
        decisions=[
            {
                "operation": decision.operation,
                "verdict": decision.verdict,
                "tone": VERDICTS[decision.verdict][0],
                "mark": VERDICTS[decision.verdict][1],
                "used": "used" if decision.used else "left out",
                "reason": decision.reason,
                "because": decision.because,
                "source": decision.source,
                "confidence": decision.confidence,
            }
            for decision in sorted(examples.decisions, key=lambda one: not one.used)
        ],
        bad=[(printable(file.path), printable(file.reason)) for file in examples.bad],
        how_made=how_made,
    )


def _verdict(used: list[str]) -> str:
    if not used:
        return "No operation is used: copies would be the same as their originals."
    return f"{n_of(len(used), 'operation')} used, each by its own coin."


def _counted(examples: Examples) -> str:
    shown = len(examples.classes)
    if shown == examples.n_filled:
        return n_of(shown, "class", "classes")
    return f"the {shown} rarest of {n_of(examples.n_filled, 'class', 'classes')}"


def _class(examples: Examples, one: ClassExamples) -> dict[str, Any]:
    return {
        "name": name_text(examples.class_names[one.class_id]),
        "count": f"{one.n_objects:,}",
        "rows": [_row(examples, one.class_id, example) for example in one.examples],
    }


def _row(examples: Examples, class_id: int, example: Example) -> dict[str, Any]:
    name = printable(example.parent)
    pictures = [("original", example.original)]
    pictures += [(f"copy {n}", seen) for n, seen in enumerate(example.copies, 1)]
    return {
        "parent": name,
        "pictures": [
            (what, scene_svg(seen, class_id, examples.class_names, f"{what} of {name}"))
            for what, seen in pictures
        ],
    }
