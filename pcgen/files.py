"""Files: a missing one is explained, and a written one is whole or not there at all."""

from __future__ import annotations

__all__ = ["atomic_writer", "existing_file"]

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pcgen.errors import FileError, nearest_name


def existing_file(path: str | Path) -> Path:
    """The path, once it is known to be a file with something in it.

    Args:
        path: where the file should be; ``~`` is expanded.

    Returns:
        The path as a :class:`~pathlib.Path`.

    Raises:
        FileError: nothing is there (names the file that was probably meant), it is a folder, or it is empty.

    Example:
        >>> existing_file(__file__) == Path(__file__)
        True
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file inside it")
    if not path.parent.is_dir():
        raise FileError(f"{path} does not exist, nor does its folder {path.parent}")
    if not path.is_file():
        meant = nearest_name(path.name, (other.name for other in path.parent.iterdir()))
        hint = f"; did you mean {path.parent / meant}?" if meant else ""
        raise FileError(f"{path} does not exist{hint}")
    if path.stat().st_size == 0:
        raise FileError(f"{path} is empty (0 bytes); write or download it again")
    return path


@contextmanager
def atomic_writer(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing under a temporary name; it takes its own name when the block ends without an error.

    Args:
        path: the final file, in a folder that exists; an older file of that name is replaced.

    Yields:
        The open binary file.

    Raises:
        FileError: the folder does not exist or cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_writer(Path(folder, "note.txt")) as file:
        ...         _ = file.write(b"done")
        ...     [path.name for path in Path(folder).iterdir()]
        ['note.txt']
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileError(f"cannot write {path}: its folder {path.parent} does not exist; create it first")
    # Beside the final file, because a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    try:
        with file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
