"""Streams: class balance without random access, in bounded memory."""

from balancekit.samplers.streams.options import StreamOptions
from balancekit.samplers.streams.part_of_stream import PartOfStream, Resume, read_reports
from balancekit.samplers.streams.report import BoundHeld, ClassTally, StreamClass, StreamReport
from balancekit.samplers.streams.shares import reachable_shares
from balancekit.samplers.streams.stream_pass import StreamPass

__all__ = [
    "BoundHeld",
    "ClassTally",
    "PartOfStream",
    "Resume",
    "StreamClass",
    "StreamOptions",
    "StreamPass",
    "StreamReport",
    "reachable_shares",
    "read_reports",
]
