"""pcgen: steer frozen 3D point-cloud generators by attribute.

``import pcgen`` is cheap and loads nothing native; the compiled operators load on ``import pcgen.ops``.
"""

from __future__ import annotations

__all__ = ["AttributeSpec", "Generator", "PcgenError", "PointCloud", "__version__", "load"]

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pcgen.errors import PcgenError
    from pcgen.generator import Generator, load
    from pcgen.pointcloud import PointCloud
    from pcgen.spec import AttributeSpec

_HOME = {
    "AttributeSpec": "pcgen.spec",
    "Generator": "pcgen.generator",
    "PcgenError": "pcgen.errors",
    "PointCloud": "pcgen.pointcloud",
    "load": "pcgen.generator",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'pcgen' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
