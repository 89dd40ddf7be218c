"""Settings of `[tool.balancekit]` in the pyproject.toml of this folder or of one above."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

if TYPE_CHECKING:
    from cyclopts import App, ArgumentCollection

__all__ = ["SettingsError", "apply_settings"]

FILE = "pyproject.toml"
TABLE = ("tool", "balancekit")


class SettingsError(CycloptsError):
    """A file of settings is malformed, or names an unknown command or option."""


def apply_settings(app: "App", commands: tuple[str, ...], arguments: "ArgumentCollection") -> None:
    """Give the options that the command line leaves open the values of the settings.

    A table a command: `[tool.balancekit.analyze]` with `verify = "none"`, by the names of the
    options. Where both are given, the command line wins.

    Raises:
        SettingsError: the file is no TOML, or names an unknown command or option.
    """
    path = _nearest(Path.cwd())
    if path is None:
        return
    settings = _settings_of(path)
    if not settings:
        return
    from balancekit.cli import COMMANDS

    unknown = set(settings) - set(COMMANDS)
    if unknown:
        wrong = sorted(unknown)[0]
        near = difflib.get_close_matches(wrong, COMMANDS, 1)
        meant = f"Did you mean [tool.balancekit.{near[0]}]? " if near else ""
        raise SettingsError(
            f"{path}: expected commands in [tool.balancekit], got {wrong!r}. {meant}"
            "An option stands in the table of its command, such as [tool.balancekit.analyze]."
        )
    from cyclopts.config import Dict

    try:
        Dict({"tool": {"balancekit": settings}}, root_keys=TABLE, source=str(path))(
            app, commands, arguments
        )
    except CycloptsError as error:
        place = ".".join((*TABLE, *commands))
        raise SettingsError(f"{path}: [{place}]: {_told(error, arguments)}") from None


def _told(error: CycloptsError, arguments: "ArgumentCollection") -> str:
    known = sorted({name[2:] for argument in arguments for name in argument.names if "--" in name})
    given = str(error).strip().split('"')
    key = given[1].rpartition("[")[2].rstrip("]") if len(given) > 1 else str(error)
    return f"expected options of the command, got {key!r}. There are {', '.join(known)}."


def _nearest(folder: Path) -> Path | None:
    """The nearest file that has settings for us, this folder or above."""
    for place in (folder, *folder.parents):
        candidate = place / FILE
        if candidate.is_file():
            return candidate
    return None


def _settings_of(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if TABLE[-1] not in text:  # of another project: not to be judged by us
            return {}
        import tomllib

        content: Any = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: expected TOML: {error}") from None
    for key in TABLE:
        content = content.get(key, {})
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: expected a table [{'.'.join(TABLE)}], got {content!r}")
    return dict(content)
