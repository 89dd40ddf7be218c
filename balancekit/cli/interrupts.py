"""Ctrl-C: tidied up at once, and left soon, whatever threads still decode."""

import os
import signal
import sys
import threading
from types import FrameType

__all__ = ["INTERRUPTED", "leave_soon_when_interrupted"]

INTERRUPTED = 130
"""The exit code of a shell's command that was interrupted."""

GRACE_S, GRACE_OF_A_CLUSTER_S = 1.0, 20.0
"""How long tidying up may take; a cluster that we started has to be taken down."""


def leave_soon_when_interrupted() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, and end the process if that does not end it soon.

    What raises waits for the threads of a pool, which may decode for minutes. A caller that
    ignores interrupts, as `nohup` does, is left to.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    grace_s = GRACE_OF_A_CLUSTER_S if "ray" in sys.modules else GRACE_S
    timer = threading.Timer(grace_s, _leave)
    timer.daemon = True
    timer.start()
    signal.default_int_handler(signum, frame)


def _leave() -> None:
    # Progress hides the cursor, and had no time to show it again.
    tidied = b"\r\x1b[2K\x1b[?25h" if os.isatty(2) else b""
    os.write(2, tidied + b"balancekit: interrupted\n")
    os._exit(INTERRUPTED)
