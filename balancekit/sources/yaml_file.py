"""Settings in YAML, all scalars as text: a class may be called no, or 007."""

import re
from pathlib import Path
from typing import Any

__all__ = ["read_yaml"]

MAX_BYTES = 1 << 22


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; empty if it cannot be read, or holds another thing.

    Scalars are text, as they stand in the file: YAML would make False of a class called no.
    """
    import yaml

    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        # The loader makes text, lists and mappings, and nothing else whatever a tag says.
        content = yaml.load(_text_of(path.read_bytes()), Loader=yaml.BaseLoader)  # noqa: S506
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def _text_of(content: bytes) -> str:
    """Text without halves of characters, which YAML can spell and no output can show."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")
    return re.sub(r"\\(?:u|U0000)[dD][89a-fA-F][0-9a-fA-F]{2}", r"\\ufffd", text)
