"""`balancekit schema`."""

from inspect import cleandoc
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from balancekit.cli.output import write_out

__all__ = ["schema", "schema_of"]

Name = Literal["analysis", "plan", "exposure", "comparison", "drift"]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLES = {
    "analysis": "What `balancekit analyze --json` writes",
    "plan": "What `balancekit recommend --json` writes, and a plan in TOML holds",
    "exposure": "What `balancekit preview --json` writes",
    "comparison": "What `balancekit compare --json` writes",
    "drift": "What `balancekit diff --json` writes",
}


def schema(name: Annotated[Name, Parameter(help="Of which file.")], /) -> int:
    """The JSON Schema of what analyze, recommend, preview, compare or diff write with --json."""
    import msgspec

    write_out(msgspec.json.format(msgspec.json.encode(schema_of(name)), indent=2) + b"\n")
    return 0


def schema_of(name: Name) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of one of the files that commands write."""
    import msgspec

    struct = _struct_of(name)
    version = msgspec.structs.fields(struct)[0].default.rpartition("/")[2]
    return {
        "$schema": DIALECT,
        "$id": f"urn:balancekit:{name}:{version}",
        "title": TITLES[name],
        **_without_indents(msgspec.json.schema(struct)),
    }


def _struct_of(name: Name) -> Any:
    from balancekit.exposure import Exposure
    from balancekit.plan import Plan
    from balancekit.stats import Drift, Stats

    if name == "comparison":
        from balancekit.comparison import Comparison  # which needs torch

        return Comparison
    return {"analysis": Stats, "plan": Plan, "exposure": Exposure, "drift": Drift}[name]


def _without_indents(node: Any) -> Any:
    """The schema with its descriptions, which are docstrings, as paragraphs."""
    if isinstance(node, dict):
        return {
            key: cleandoc(value)
            if key == "description" and isinstance(value, str)
            else _without_indents(value)
            for key, value in node.items()
        }
    return [_without_indents(item) for item in node] if isinstance(node, list) else node
