"""The shipped checkpoints: one folder per generator, each with a model card, each reproducible from a config."""

from __future__ import annotations

__all__ = ["folders"]

from pathlib import Path


def folders() -> dict[str, Path]:
    """Folder of each shipped generator, by name."""
    return {path.parent.name: path.parent for path in sorted(Path(__file__).parent.glob("*/backbone.safetensors"))}
