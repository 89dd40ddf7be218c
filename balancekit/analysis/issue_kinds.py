"""Every kind of issue: its code, how grave it is, what it says, and what to do.

BK1xx are of classes and labels, BK2xx of what could not be read, BK3xx of what was left
out on purpose, BK4xx of splits, duplicates and the quality of pictures.
"""

from dataclasses import dataclass, replace

from balancekit.analysis.explanations import EXPLANATIONS
from balancekit.stats import Issue, Problem, ProblemKind, Severity

__all__ = ["CODE_OF", "ISSUE_KINDS", "IssueKind", "issue_of"]


@dataclass(frozen=True)
class IssueKind:
    """One kind of issue.

    Attributes:
        severity: error stops or spoils training, warning limits it, info is only said.
        title: what is so, in the plural.
        what_to_do: the next step; `{low}` and `{high}` are filled in where they stand.
        met_as: what a source calls it, if a source meets it.
        explanation: why it matters, how it is measured and what to do, in a few sentences;
            the texts stand in `explanations.py`.
    """

    severity: Severity
    title: str
    what_to_do: str
    met_as: ProblemKind | None = None
    explanation: str = ""


_KINDS: dict[str, IssueKind] = {
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
        "Label those that were forgotten. In sets of labels an empty one may be meant.",
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
    "BK108": IssueKind(
        "info",
        "samples without any instance: background",
        "Nothing, if they show none of the classes ({share}); they teach a model what is none.",
    ),
    "BK109": IssueKind(
        "warning",
        "bins of the target's range with fewer than 20 samples",
        "Collect values there, or weigh by the smoothed label density. Empty bins: {empty} of "
        "{n_bins}.",
    ),
    "BK110": IssueKind(
        "warning",
        "rare labels that share their samples with common ones",
        "Weigh the loss by label instead of drawing rare samples more often: each draw brings "
        "its common labels along (SCUMBLE {scumble}).",
    ),
    "BK111": IssueKind(
        "info",
        "pixels that belong to no class",
        "Nothing, if they are meant as void: {share} of all pixels are. Else check --void-index.",
    ),
    "BK112": IssueKind(
        "warning",
        "classes that look like numbers to predict",
        'Say --task regression (task="regression" in Python) if they are; --task classification '
        "if they name classes.",
    ),
    "BK201": IssueKind(
        "error",
        "pictures that cannot be decoded",
        "Replace or delete these files. A data set of your own would stop at the first of them; "
        "open_dataset leaves them out, and PictureDataset gives a grey picture for each.",
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
        "rows that cannot be read",
        "Mend the quoting, or the number or kind of values, in these rows; they are left out, or "
        "carry no label.",
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
        "files that are no samples, left out",
        "Nothing, unless they should be samples.",
        "file-not-picture",
    ),
    "BK304": IssueKind(
        "info",
        "folders below a class folder, whose pictures count for the class",
        "Nothing, unless these folders are the classes: then name the folder above them.",
        "folder-below-class",
    ),
    "BK208": IssueKind(
        "error",
        "annotations that cannot be read",
        "Mend these entries; they are left out of all counts.",
        "annotation-malformed",
    ),
    "BK209": IssueKind(
        "error",
        "annotations of classes that are not declared",
        "Declare the class, or mend the class id; they are left out of all counts.",
        "class-out-of-range",
    ),
    "BK210": IssueKind(
        "error",
        "annotations without a class",
        "Name their class; they are left out of all counts.",
        "annotation-without-class",
    ),
    "BK211": IssueKind(
        "error",
        "annotations of pictures that are not listed",
        "Mend the picture id, or delete them; they are left out of all counts.",
        "annotation-without-sample",
    ),
    "BK212": IssueKind(
        "warning",
        "ids that are given twice",
        "Make them unique; tools that look things up by id see the last one only.",
        "duplicate-id",
    ),
    "BK213": IssueKind(
        "error",
        "files that cannot be read",
        "Replace or delete these files; their samples are missing in all counts.",
        "file-unreadable",
    ),
    "BK214": IssueKind(
        "error",
        "masks that cannot be decoded",
        "Replace or delete these files; their pixels are missing in all counts.",
        "mask-unreadable",
    ),
    "BK215": IssueKind(
        "error",
        "mask values beyond the classes",
        "Declare the class, or name the value with --void-index; they are left out.",
        "mask-value-unknown",
    ),
    "BK216": IssueKind(
        "error",
        "rows that carry no class, or several, where one is expected",
        "Mend the row; for sets of labels, say --task multilabel.",
        "label-set-not-one",
    ),
    "BK217": IssueKind(
        "error",
        "labels that are no numbers, in a regression",
        "Mend them, or say --task classification; they are left out.",
        "label-not-a-number",
    ),
    "BK218": IssueKind(
        "error",
        "paths that leave the folder of the data set",
        "Mend them; they are not followed.",
        "path-outside",
    ),
    "BK219": IssueKind(
        "warning",
        "pictures that are named and not found",
        "Put them in place, or take them out of the list; they are counted.",
        "picture-missing",
    ),
    "BK220": IssueKind(
        "warning",
        "pictures without a file of annotations",
        "Nothing, if they are background: then an empty file says so for sure.",
        "picture-without-annotation",
    ),
    "BK221": IssueKind(
        "warning",
        "samples that had to be loaded to read their labels",
        "Give the data set an attribute such as targets; loading is slow.",
        "samples-iterated",
    ),
    "BK222": IssueKind(
        "warning",
        "annotations that repeat another of their picture",
        "Delete the copies; each is counted once.",
        "annotation-repeated",
    ),
    "BK305": IssueKind(
        "info",
        "crowd annotations, each counted as one instance",
        "Nothing; losses and evaluation treat them apart.",
        "crowd-annotation",
    ),
    "BK401": IssueKind(
        "warning",
        "splits whose labels are distributed otherwise than chance explains",
        "Split anew, stratified by label, or weigh the evaluation by the labels in use.",
    ),
    "BK402": IssueKind(
        "warning",
        "classes that only the measured split has",
        "Give the other split samples of them: no one can know there how well they are learnt.",
    ),
    "BK403": IssueKind(
        "error",
        "classes that the measured split lacks",
        "Give it samples of them, or take them out of the other split.",
    ),
    "BK404": IssueKind(
        "error",
        "samples that lie in several splits",
        "Remove them from one split: what was learnt by heart is measured as skill.",
    ),
    "BK405": IssueKind(
        "warning",
        "samples that repeat another of their class",
        "Remove them, or keep them in one split; a rare class may be rarer than it looks.",
    ),
    "BK406": IssueKind(
        "error",
        "samples of the same content under different classes",
        "Decide for one class each.",
    ),
    "BK407": IssueKind(
        "warning",
        "classes that the quality of their pictures alone tells apart",
        "Take pictures of all classes the same way, or a model learns the camera instead.",
    ),
    "BK408": IssueKind(
        "warning",
        "classes whose recall the held-out samples cannot tell",
        "Hold out more of them: a recall of 80 %, measured on {n}, is known only to "
        "± {half} points.",
    ),
    "BK409": IssueKind(
        "warning",
        "samples that another split has nearly the same",
        "Look at the pairs; frames of one film, or crops of one picture, belong in one split.",
    ),
    "BK410": IssueKind(
        "warning",
        "samples that nearly repeat another of the same split",
        "Keep each group in one split when you split: by film, patient or place.",
    ),
    "BK411": IssueKind(
        "warning",
        "groups of nearly the same samples under different classes",
        "Look at them: one class may be wrong, or the classes differ by little.",
    ),
}

ISSUE_KINDS: dict[str, IssueKind] = {
    code: replace(kind, explanation=EXPLANATIONS.get(code, "")) for code, kind in _KINDS.items()
}

CODE_OF = {kind.met_as: code for code, kind in ISSUE_KINDS.items() if kind.met_as}
"""The code of each problem that a source can meet."""


def issue_of(code: str, problem: Problem, **filled: str) -> Issue:
    """An issue of a kind, from what was found and what fills its advice."""
    kind = ISSUE_KINDS[code]
    return Issue(
        code=code,
        severity=kind.severity,
        title=kind.title,
        what_to_do=kind.what_to_do.format(**filled),
        count=problem.count,
        examples=problem.examples,
    )
