"""`balancekit augment`."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from balancekit.cli.options import JsonTarget, check_picture_task
from balancekit.cli.output import (
    check_target,
    output_console,
    progress_bar,
    shell_command,
    tell,
    write_json,
)
from balancekit.errors import OptionError
from balancekit.files import write_whole
from balancekit.plan import PICTURE_TASKS

if TYPE_CHECKING:
    from balancekit.materialize.augmented import Augmented, DiskOptions
    from balancekit.materialize.augmented.manifest import BadFile

__all__ = ["augment"]

HOW = Group("How pictures are changed", sort_key=10)
RUN = Group("Where to run", sort_key=11)
OUT = Group("What to write, and how to leave", sort_key=13)

Data = Annotated[
    str,
    Parameter(
        help="A folder of pictures: class folders, with masks beside the pictures or without; "
        "masks, COCO, YOLO or Pascal VOC."
    ),
]
Out = Annotated[
    str | None,
    Parameter(
        alias="-o",
        group=OUT,
        metavar="DIR",
        help="Write the set to DIR, new or empty; without it, only the counts are shown.",
    ),
]
TargetText = Annotated[
    str,
    Parameter(
        metavar="max|median|N",
        help="What each class comes to: the largest class, the median of the classes, or N; "
        "samples, or objects where pictures carry several.",
    ),
]
MaxCopies = Annotated[
    int | None,
    Parameter(
        metavar="N",
        validator=Number(gte=1),
        help="Copies of one picture at most; classes that it leaves short are told. If not given, "
        "a target that takes more than 100 is refused.",
    ),
]
PictureTask = Annotated[
    str,
    Parameter(
        group=HOW,
        metavar="TASK",
        help=f"What the pictures show, whose rules say what is safe: {', '.join(PICTURE_TASKS)}.",
    ),
]
Allow = Annotated[
    tuple[str, ...],
    Parameter(
        group=HOW,
        metavar="OPERATION",
        negative="",
        consume_multiple=False,
        show_default=False,
        help="Use this operation whatever the rules say; may be given several times.",
    ),
]
Forbid = Annotated[
    tuple[str, ...],
    Parameter(
        group=HOW,
        metavar="OPERATION",
        negative="",
        consume_multiple=False,
        show_default=False,
        help="Leave this operation out; may be given several times.",
    ),
]
Seed = Annotated[int, Parameter(group=HOW, help="Seed of all that is drawn.")]
Preview = Annotated[
    str | None,
    Parameter(
        group=OUT,
        metavar="FILE",
        help="Write a page of originals beside their augmentations, the rarest classes first.",
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        group=RUN,
        validator=Number(gte=1),
        metavar="K",
        help="Processes, or tasks of Ray at a time; as many as there are cores if not given.",
    ),
]
EngineName = Annotated[
    Literal["local", "ray"],
    Parameter(group=RUN, help="Processes on this machine, or a Ray cluster (extra `ray`)."),
]
Resume = Annotated[
    bool,
    Parameter(
        group=RUN,
        negative="",
        show_default=False,
        help="Go on with what an interrupted run of the same command has left.",
    ),
]
OnlyNew = Annotated[
    bool,
    Parameter(
        group=OUT,
        negative="",
        show_default=False,
        help="Leave the data themselves out of DIR.",
    ),
]
AllowLeaks = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Copy pictures that are in another split too, pixel for pixel.",
    ),
]
Strict = Annotated[
    bool,
    Parameter(
        group=OUT,
        negative="",
        show_default=False,
        help="Leave with exit code 3 if pictures could not be used.",
    ),
]
FormatName = Annotated[
    Literal["auto", "image-folder", "masks", "coco", "yolo", "voc"],
    Parameter(help="Format of the data, where it should not be told from the path."),
]
Split = Annotated[
    str,
    Parameter(
        metavar="NAME",
        help="Split to balance, where it is not called so; data without splits are balanced whole.",
    ),
]

DEFAULTS = (None, 0, "auto", "train", "unknown")
"""Values that commands to copy leave out."""

MOST_TOLD = 5
"""Bad pictures that a warning names; all are in the quarantine list and the JSON."""


def augment(
    data: Data,
    /,
    *,
    target: TargetText = "median",
    max_copies: MaxCopies = None,
    allow_leaks: AllowLeaks = False,
    format: FormatName = "auto",  # noqa: A002 - the field's word
    split: Split = "train",
    task: PictureTask = "unknown",
    allow: Allow = (),
    forbid: Forbid = (),
    seed: Seed = 0,
    engine: EngineName = "local",
    workers: Workers = None,
    resume: Resume = False,
    out: Out = None,
    only_new: OnlyNew = False,
    preview: Preview = None,
    json: Annotated[JsonTarget, Parameter(group=OUT)] = None,
    strict: Strict = False,
) -> int:
    """A data set balanced on disk: new samples of rare classes, with their annotations."""
    import msgspec

    from balancekit.engines import available_cpus
    from balancekit.materialize.augmented import DiskOptions

    check_target("--json", json)
    check_target("--preview", preview)
    check_picture_task("--task", task, "Here it is told from the data: leave it out.")
    _refuse_contradictions(out, resume=resume, only_new=only_new)
    of_page: dict[str, Any] = {"task": task, "allow": allow, "forbid": forbid, "seed": seed}
    of_page |= {"format": format, "split": split}
    of_run: dict[str, Any] = {"target": target, "max_copies": max_copies}
    options = DiskOptions(
        format=format,
        split=split,
        allow=allow,
        forbid=forbid,
        max_copies=max_copies,
        only_new=only_new,
        allow_leaks=allow_leaks,
    )
    arguments = {"target": target, "task": task, "seed": seed, "engine": engine, "resume": resume}
    told = _told(data, out, options, arguments | {"workers": workers or available_cpus()})
    if preview is not None:
        _write_page(data, preview, of_page, of_run)
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(told), indent=2), json)
    if json != "-":
        again = _again(data, told, of_run | of_page)
        _show(told, again, preview)
    _tell_problems(told, shell_command("balancekit", "analyze", data, *_words({"format": format})))
    return _leave(told, strict=strict)


def _told(
    data: str, out: str | None, options: "DiskOptions", arguments: dict[str, Any]
) -> "Augmented":
    """What became of the data, with progress on the way."""
    from balancekit.materialize.augmented import augment_to_disk

    with progress_bar() as progress:
        line = progress.add_task("reading", total=None)
        return augment_to_disk(
            data,
            out,
            options=options,
            on_progress=lambda what, n_done, n_of: progress.update(
                line, description=what, completed=n_done, total=n_of
            ),
            **arguments,
        )


def _refuse_contradictions(out: str | None, *, resume: bool, only_new: bool) -> None:
    """Refuse options that say how to write where nothing is written.

    Raises:
        OptionError: one of them is given, or the name of the folder is empty.
    """
    if out == "":
        raise OptionError("--out: expected a folder, got an empty name")
    for option, is_given in (("--resume", resume), ("--only-new", only_new)):
        if is_given and out is None:
            raise OptionError(f"{option}: expected with a folder, -o DIR, got none. Name one.")


def _write_page(data: str, page: str, options: dict[str, Any], of_run: dict[str, Any]) -> None:
    """Write the page; what decides the run but not the page stands in its command alone."""
    from balancekit.materialize.augmented.examples import augmented_examples
    from balancekit.report.augmentation_page import render_augmentation

    words = _words(of_run | options)
    how_made = shell_command("balancekit", "augment", data, *words, preview=page)
    shown = augmented_examples(data, **options)
    write_whole(render_augmentation(shown, how_made=how_made).encode(), Path(page))


def _again(data: str, told: "Augmented", options: dict[str, Any]) -> str:
    """What to do next: write the set that was planned, or look at the one that was written."""
    if told.folder is not None:
        return shell_command("balancekit", "analyze", told.folder)
    return shell_command("balancekit", "augment", data, *_words(options), "-o", "balanced/")


def _words(options: dict[str, Any]) -> list[str]:
    """Options as words of a command; those that have their default are left out."""
    words: list[str] = []
    for name, value in options.items():
        values = value if isinstance(value, tuple) else () if value in DEFAULTS else (value,)
        for one in values:
            words += [f"--{name.replace('_', '-')}", str(one)]
    return words


def _show(told: "Augmented", again: str, page: str | None) -> None:
    from balancekit.cli.augmented import show_augmented
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_augmented(told, console)
    if page is not None:
        console.print(f"\nPage: {page}", markup=False, soft_wrap=True)
    console.print("\nNext, to write the set:" if told.folder is None else "\nNext:")
    say_verbatim(console, [again])


def _tell_problems(told: "Augmented", analyze: str) -> None:
    """Tell what was met when the data were listed, but for what is left out on purpose."""
    from balancekit.analysis.issue_kinds import CODE_OF, ISSUE_KINDS
    from balancekit.report.words import n_of

    kinds = [(ISSUE_KINDS[CODE_OF[kind]], n) for kind, n in sorted(told.problems.items())]
    listed = [f"{kind.title}: {n:,}" for kind, n in kinds if kind.severity != "info"]
    if listed:
        tell(f"warning: met when the data were listed: {'; '.join(listed)}. See: {analyze}")
    if told.n_without_area:
        boxes = n_of(told.n_without_area, "box", "boxes")
        tell(f"warning: {boxes} of the data without width or height, kept as in the files")


def _leave(told: "Augmented", *, strict: bool) -> int:
    """The exit code; what could not be used is told, a line each."""
    from balancekit.report.words import n_of

    if not told.bad:
        return 0
    lines = [f"\n  {_bad_in_words(file)}" for file in told.bad[:MOST_TOLD]]
    if len(told.bad) > MOST_TOLD:
        n_more = len(told.bad) - MOST_TOLD
        lines.append(f"\n  and {n_more:,} more, in quarantine.jsonl beside the manifest")
    lead = "--strict" if strict else "warning"
    tell(f"{lead}: {n_of(len(told.bad), 'picture')} could not be used:{''.join(lines)}")
    return 3 if strict else 0


def _bad_in_words(file: "BadFile") -> str:
    """A bad file and why, its path told once."""
    _, found, words = file.reason.partition(f"/{PurePosixPath(file.path).name}: ")
    return f"{file.path}: {words if found else file.reason}"
