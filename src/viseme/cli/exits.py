"""What a command leaves behind, and the error of a command line that makes no sense."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode", "UsageError"]


class ExitCode(IntEnum):
    """What `viseme` leaves behind."""

    DONE = 0
    """Every file was answered; "cannot tell", with its reasons, is an answer."""
    FAILED = 1
    """At least one file could not be read or written, or something else went wrong."""
    USAGE = 2
    """The command line makes no sense."""
    REFUSED = 3
    """`fix` cannot tell the delay, so it wrote nothing."""
    INTERRUPTED = 130
    """Ctrl-C."""
    PIPE_CLOSED = 141
    """Whoever read our output went away."""


class UsageError(Exception):
    """The command line makes no sense; the message says what to type."""
