"""The error vocabulary: every message says what is wrong, what came, and what to do.

All errors that pcgen raises on purpose derive from :class:`PcgenError`, so a program can catch one class; each also
derives from the builtin a Python programmer expects (``ValueError``, ``TypeError``, ``OSError``, ``RuntimeError``).
"""

from __future__ import annotations

__all__ = [
    "FileError",
    "InputError",
    "InputTypeError",
    "PcgenError",
    "UnavailableError",
    "nearest_name",
    "unknown_name",
]

import difflib
from collections.abc import Iterable


class PcgenError(Exception):
    """Something pcgen can explain; ``str(error)`` is meant to be read by the user as it is."""


class InputError(PcgenError, ValueError):
    """A value has the right type but cannot be used: wrong shape, out of range, unknown name."""


class InputTypeError(PcgenError, TypeError):
    """A value has the wrong type or dtype."""


class FileError(PcgenError, OSError):
    """A file is missing, unreadable, or not what its name promises."""


class UnavailableError(PcgenError, RuntimeError):
    """An optional package, the native library, a GPU or a display is needed and not there."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None.

    Example:
        >>> nearest_name("seat_hight", ["seat_height", "width"])
        'seat_height'
    """
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a known set, with the nearest valid one.

    Example:
        >>> print(unknown_name("attribute", "hight", ["height", "width"]))
        unknown attribute 'hight'; did you mean 'height'? Known: height, width
    """
    known = sorted(known)
    meant = nearest_name(name, known)
    hint = f"; did you mean {meant!r}?" if meant else "."
    return InputError(f"unknown {kind} {name!r}{hint} Known: {', '.join(known) or 'none'}")
