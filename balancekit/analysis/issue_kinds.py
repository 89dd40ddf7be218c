"""Every kind of issue: its code, how grave it is, what it says, and what to do.

BK1xx are of classes and labels, BK2xx of what could not be read, BK3xx of what was left
out on purpose.
"""

from dataclasses import dataclass

from balancekit.stats import ProblemKind, Severity

__all__ = ["ISSUE_KINDS", "IssueKind"]


@dataclass(frozen=True)
class IssueKind:
    """One kind of issue.

    Attributes:
        severity: error stops or spoils training, warning limits it, info is only said.
        title: what is so, in the plural.
        what_to_do: the next step; `{low}` and `{high}` are filled in where they stand.
        met_as: what a source calls it, if a source meets it.
    """

    severity: Severity
    title: str
    what_to_do: str
    met_as: ProblemKind | None = None


ISSUE_KINDS: dict[str, IssueKind] = {
    "BK101": IssueKind(
        "error",
        "fewer than two classes have samples",
        "Nothing can be balanced or learnt. Check the path, or the label column.",
    ),
    "BK102": IssueKind(
        "warning",
        "classes without a single sample",
        "Collect samples, or take the class out; no sampler or loss can teach it.",
    ),
    "BK103": IssueKind(
        "error",
        "classes with one sample: it can train or validate, not both",
        "Collect at least 10 samples, or merge the class with its nearest kin.",
    ),
    "BK104": IssueKind(
        "warning",
        "classes with fewer than 20 samples",
        "Collect more first. A recall of 80 % on all of the smallest would be known only "
        "to lie between {low} and {high}.",
    ),
    "BK105": IssueKind(
        "warning",
        "samples without a label",
        "Label them, or leave them: they keep their index and are never drawn.",
    ),
    "BK106": IssueKind(
        "warning",
        "class names that differ only in case, spaces or accents' encoding",
        "Rename them to one class, if they are one.",
    ),
    "BK107": IssueKind(
        "error",
        "most classes have one sample: the labels look like ids or numbers",
        "Name the column that holds the class with --label.",
    ),
    "BK201": IssueKind(
        "error",
        "pictures that cannot be decoded",
        "Replace or delete these files; training would stop at the first of them.",
        "picture-unreadable",
    ),
    "BK202": IssueKind(
        "error",
        "folders that cannot be listed",
        "Give yourself the right to read them; their samples are missing in all counts.",
        "folder-unreadable",
    ),
    "BK203": IssueKind(
        "error",
        "rows that do not fit the header",
        "Mend the quoting or the number of fields in these lines; they are left out.",
        "row-malformed",
    ),
    "BK204": IssueKind(
        "warning",
        "pictures outside of any class folder",
        "Move them into a class folder, or away; they are left out.",
        "picture-outside-class",
    ),
    "BK205": IssueKind(
        "warning",
        "links that lead back to a folder above",
        "Delete the links; they are not followed, or pictures would count many times.",
        "link-loop",
    ),
    "BK206": IssueKind(
        "warning",
        "the file is not UTF-8",
        "Save it as UTF-8 if names look wrong; it was read as the encoding below.",
        "encoding-guessed",
    ),
    "BK207": IssueKind(
        "warning",
        "the first line looks like data, and was taken for the header",
        "Put a line of column names on top, or one sample is missing in all counts.",
        "header-looks-like-data",
    ),
    "BK301": IssueKind(
        "info",
        "masks beside pictures, not counted as samples",
        "Nothing, if they are masks. Two formats of one picture look the same: keep one.",
        "mask-beside-picture",
    ),
    "BK302": IssueKind("info", "hidden or system files left out", "Nothing.", "hidden-file"),
    "BK303": IssueKind(
        "info",
        "files that are no pictures, left out",
        "Nothing, unless they should be samples.",
        "file-not-picture",
    ),
    "BK304": IssueKind(
        "info", "splits left aside", "Name another with --split to see it.", "other-split"
    ),
}
