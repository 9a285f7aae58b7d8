"""What a run reports as it goes: ``metrics.jsonl``, and TensorBoard where it is wanted."""

from __future__ import annotations

__all__ = ["Tracker"]

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcgen.errors import UnavailableError
from pcgen.files import atomic_writer


class Tracker:
    """Appends records to ``metrics.jsonl``; a resumed run drops those it will write again.

    Args:
        folder: of the run.
        first: the step the run starts from.
        tensorboard: also write TensorBoard events into ``folder/tensorboard``.

    Raises:
        UnavailableError: TensorBoard is wanted and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Tracker(folder, first=0).log(0, {"chamfer": 0.5})
        ...     print(Path(folder, "metrics.jsonl").read_text().strip())
        {"step": 0, "chamfer": 0.5}
    """

    def __init__(self, folder: str | Path, first: int, tensorboard: bool = False) -> None:
        self.path = Path(folder) / "metrics.jsonl"
        self.events = _event_writer(Path(folder) / "tensorboard", first) if tensorboard else None
        if self.path.is_file():
            # A killed process may have left half a line.
            lines = [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            with atomic_writer(self.path) as file:
                file.write("".join(line for line in lines if json.loads(line)["step"] < first).encode())

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record named values of a step."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush TensorBoard's events."""
        if self.events is not None:
            self.events.close()


def _event_writer(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        message = "tensorboard is not installed: pip install tensorboard, or set tensorboard: false"
        raise UnavailableError(message) from None
    return SummaryWriter(folder, purge_step=first)
