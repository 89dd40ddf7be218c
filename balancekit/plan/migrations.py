"""Plans of earlier versions, made plans of this one; and those of later ones, refused."""

import re
from typing import Any

from balancekit.plan.tagged import did_you_mean

__all__ = ["SCHEMA", "migrated", "schema_problem"]

SCHEMA = "balancekit.plan/2"
VERSION = re.compile(r"balancekit\.plan/(\d+)")
ANEW = "make the plan anew with `balancekit recommend DATA -o plan.toml`"


def migrated(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a plan of any version as this version has them; others are left as they are.

    Nothing is lost on the way, so nothing is told: what is saved again is of this version.

    Args:
        fields: as they stand in the file.

    >>> migrated({"schema": "balancekit.plan/1", "metrics": ["macro_f1"]})
    {'schema': 'balancekit.plan/2', 'metrics': [{'name': 'macro_f1'}]}
    """
    if fields.get("schema") != "balancekit.plan/1":
        return fields
    metrics = fields.get("metrics", ["balanced_accuracy", "recall_per_class"])
    if isinstance(metrics, list):
        metrics = [{"name": one} if isinstance(one, str) else one for one in metrics]
    return {**fields, "schema": SCHEMA, "metrics": metrics}


def schema_problem(fields: dict[str, Any]) -> str | None:
    """What is wrong with the version that a file names, and what to do; None if nothing is."""
    given = fields.get("schema")
    if given is None:
        return f'schema: missing. Write schema = "{SCHEMA}" as the first line, or {ANEW}'
    if given in ("balancekit.plan/1", SCHEMA):
        return None
    expected = f'schema: expected "{SCHEMA}", got {given!r}'
    found = VERSION.fullmatch(given) if isinstance(given, str) else None
    if found and int(found[1]) > int(SCHEMA.rpartition("/")[2]):
        return f"{expected}, which a newer balancekit has made. Update it, or {ANEW}"
    meant = did_you_mean(given, [SCHEMA]) if isinstance(given, str) else ""
    return f"{expected}.{meant} Write that, or {ANEW}"
