"""The JSON of COCO, decoded without what is not counted: polygons, masks, captions."""

import math
import mmap
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from balancekit.errors import DataError

__all__ = [
    "NOTHING",
    "Annotation",
    "Box",
    "Category",
    "Document",
    "Id",
    "Picture",
    "annotation_of_fields",
    "decode_document",
    "decode_fields",
    "id_of",
]

Id = int | str
NOTHING = msgspec.Raw()
"""Stands for a field that is not there; told by identity."""

# Of all structs: gc=False, as a garbage collector that walks millions of them in vain takes
# longer than their decoding, and none can be part of a cycle.


class Box(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A box as COCO writes it: `[x, y, width, height]` in px."""

    x: float
    y: float
    width: float
    height: float


class Annotation(msgspec.Struct, gc=False, kw_only=True):
    """One annotation, or one segment of a panoptic one; None is what the file lacks.

    Attributes:
        fault: why it cannot be counted, in words; empty if it can.
    """

    id: Id | None = None
    image_id: Id | None = None
    category_id: Id | None = None
    bbox: Box | None = None
    area: float | None = None
    iscrowd: int | bool = 0
    keypoints: msgspec.Raw = NOTHING
    segments_info: list["Annotation"] | None = None
    fault: str = msgspec.field(default="", name="(fault)")  # no name that a file would use


class Picture(msgspec.Struct, gc=False, kw_only=True):
    """One entry of `images`; LVIS names its files in `coco_url` alone."""

    id: Id | None = None
    file_name: str | None = None
    coco_url: str | None = None
    width: float | str | None = None
    height: float | str | None = None


class Category(msgspec.Struct, gc=False, kw_only=True):
    """One entry of `categories`."""

    id: Id | None = None
    name: str | int | float | None = None
    keypoints: list[str] | None = None


class Document(msgspec.Struct, kw_only=True):
    """A whole file.

    Attributes:
        n_unusable: entries of images or categories that are no objects with an id.
    """

    images: list[Picture]
    annotations: list[Annotation] = []
    categories: list[Category] | None = None
    n_unusable: int = 0


class _RawDocument(msgspec.Struct, kw_only=True):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw] | None = None
    categories: list[msgspec.Raw] | None = None


def decode_document(path: Path) -> Document:
    """The document of a file; a wrong entry becomes one with a `fault`, and ends nothing.

    Raises:
        DataError: the file cannot be read, is no JSON, or not as COCO has it.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # mmap refuses an empty file by ValueError
        why = error.strerror if isinstance(error, OSError) else "the file is empty"
        raise DataError(f"{path}: cannot be read ({why})") from None
    message: Any = memoryview(content)
    if content[:3] == b"\xef\xbb\xbf":
        message = message[3:]
    try:
        return _decoded(message)
    except msgspec.ValidationError as error:
        raise DataError(_not_coco(path, message, error)) from None
    except (ValueError, RecursionError):
        pass
    try:
        return _decoded(_mended(bytes(message)))
    except msgspec.ValidationError as error:
        raise DataError(_not_coco(path, message, error)) from None
    except (ValueError, RecursionError) as error:
        got = str(error)
        if "truncated" in got:
            got = "a file that is cut off: it ends before its brackets close. Copy it anew"
        raise DataError(f"{path}: expected JSON, got {got}") from None


def decode_fields(path: Path) -> dict[str, Any]:
    """All that a file holds which `decode_document` took, as plain JSON: shapes and all."""
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return _as_fields(msgspec.json.decode(content))
    except (ValueError, RecursionError):
        return _as_fields(msgspec.json.decode(_mended(content)))


def _decoded(message: Any) -> Document:
    try:
        document = msgspec.json.decode(message, type=Document)
    except msgspec.ValidationError:
        return _decoded_singly(message)
    if any(_is_doubtful(annotation) for annotation in document.annotations):
        return _decoded_singly(message)
    return document


def _is_doubtful(annotation: Annotation) -> bool:
    return (
        annotation.area is None and annotation.bbox is None and annotation.segments_info is None
    ) or bool(annotation.fault)


def _decoded_singly(message: Any) -> Document:
    """The document, each entry on its own, so that a wrong one spoils no other."""
    raw = msgspec.json.decode(message, type=_RawDocument)
    images = _decoded_each(raw.images, Picture)
    categories = None if raw.categories is None else _decoded_each(raw.categories, Category)
    return Document(
        images=images,
        annotations=[_annotation_of(one) for one in raw.annotations or ()],
        categories=categories,
        n_unusable=len(raw.images)
        - len(images)
        + len(raw.categories or ())
        - len(categories or ()),
    )


Entry = TypeVar("Entry", Picture, Category)


def _decoded_each(raws: Iterable[msgspec.Raw], kind: type[Entry]) -> list[Entry]:
    entries = []
    for raw in raws:
        try:
            entries.append(msgspec.json.decode(raw, type=kind))
        except (ValueError, RecursionError):
            fields = _fields_of(raw)
            entry = kind(id=id_of(fields.get("id")))
            if entry.id is not None:  # all else of it may be wrong: the id is what counts
                for name in kind.__struct_fields__[1:]:
                    if isinstance(fields.get(name), str):
                        setattr(entry, name, fields[name])
                entries.append(entry)
    return entries


def _annotation_of(raw: msgspec.Raw) -> Annotation:
    """An annotation that may lack anything, or hold text for numbers."""
    try:
        annotation = msgspec.json.decode(raw, type=Annotation)
        if not _is_doubtful(annotation):
            return annotation
    except (ValueError, RecursionError):
        pass
    fields = _fields_of(raw)
    segments = fields.get("segments_info")
    return annotation_of_fields(
        fields,
        keypoints=msgspec.Raw(msgspec.json.encode(fields["keypoints"]))
        if isinstance(fields.get("keypoints"), list)
        else NOTHING,
        segments_info=[annotation_of_fields(_as_fields(one)) for one in segments]
        if isinstance(segments, list)
        else None,
    )


def annotation_of_fields(fields: dict[str, Any], **others: Any) -> Annotation:
    """An annotation by its fields as JSON has them, with a `fault` if it cannot be counted."""
    area, box = fields.get("area"), fields.get("bbox")
    fault = ""
    if not fields:
        fault = "no object with fields"
    elif area is not None and _number(area) is None:
        fault = f"area {str(area)[:40]!r} is no number"
    elif box is not None and _box_of(box) is None:
        fault = f"box {str(box)[:80]} is not 4 numbers"
    elif area is None and box is None and not fields.get("segmentation"):
        fault = "" if others.get("segments_info") is not None else "neither box nor area"
    return Annotation(
        id=id_of(fields.get("id")),
        image_id=id_of(fields.get("image_id")),
        category_id=id_of(fields.get("category_id")),
        bbox=_box_of(box),
        area=_number(area),
        iscrowd=fields.get("iscrowd") in (1, True, "1"),
        fault=fault,
        **others,
    )


def _fields_of(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return _as_fields(msgspec.json.decode(raw))
    except (ValueError, RecursionError):
        return {}


def _as_fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def id_of(value: Any) -> Id | None:
    """What can be an id, whole numbers as such; None if it cannot."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _box_of(value: Any) -> Box | None:
    numbers = [_number(one) for one in value] if isinstance(value, Sequence) else []
    given = [one for one in numbers if one is not None]
    return Box(*given) if len(numbers) == len(given) == 4 else None


def _mended(content: bytes) -> bytes:
    """JSON as Python writes it, made such as the standard has it.

    Python writes NaN and Infinity, and halves of characters for bytes that are no UTF-8.
    """
    content = re.sub(rb"([:,\[]\s*)-?(?:NaN|Infinity)\b", rb'\1"not finite"', content)
    content = re.sub(
        rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
        lambda match: match[1] or rb"\ufffd",
        content,
    )
    return content.decode("utf-8", "replace").encode()


def _not_coco(path: Path, message: Any, error: Exception) -> str:
    start = bytes(message[:1000]).lstrip()[:1]
    got = "a list, as results of a detector are" if start == b"[" else str(error)
    return (
        f"{path}: expected COCO's ground truth, an object with images, annotations and "
        f"categories, got {got}"
    )
