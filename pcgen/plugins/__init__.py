"""Plugins: small models on latent codes and attribute values that steer a frozen backbone."""

from __future__ import annotations

__all__ = [
    "METHODS",
    "Calibrated",
    "ConditionalGaussianPlugin",
    "EditorPlugin",
    "FlowMatchingPlugin",
    "FlowPlugin",
    "MeanDifferencePlugin",
    "Measure",
    "PluGeN",
    "Plugin",
    "RandomDirectionPlugin",
    "RidgeNormalPlugin",
    "RidgePlugin",
    "closed_loop",
    "load_plugin",
]

from pathlib import Path

from pcgen.checkpoint import load_checkpoint
from pcgen.errors import unknown_name
from pcgen.plugins.base import Plugin
from pcgen.plugins.calibrated import Calibrated
from pcgen.plugins.editor import EditorPlugin
from pcgen.plugins.flow import FlowPlugin
from pcgen.plugins.flow_matching import FlowMatchingPlugin
from pcgen.plugins.linear import (
    ConditionalGaussianPlugin,
    MeanDifferencePlugin,
    RandomDirectionPlugin,
    RidgeNormalPlugin,
    RidgePlugin,
)
from pcgen.plugins.loop import Measure, closed_loop
from pcgen.plugins.plugen import PluGeN

# What can be made from specs alone; Calibrated goes around one of these.
METHODS: dict[str, type[Plugin]] = {
    plugin.method: plugin
    for plugin in (
        RandomDirectionPlugin,
        MeanDifferencePlugin,
        RidgeNormalPlugin,
        ConditionalGaussianPlugin,
        RidgePlugin,
        PluGeN,
        FlowPlugin,
        FlowMatchingPlugin,
        EditorPlugin,
    )
}


def load_plugin(path: str | Path) -> Plugin:
    """The plugin of a checkpoint, whatever its method.

    Raises:
        FileError: it is missing, damaged, or no plugin.
        InputError: its method is unknown to this version.
    """
    tensors, facts = load_checkpoint(path, "plugin")
    known: dict[str, type[Plugin]] = {**METHODS, Calibrated.method: Calibrated}
    if facts["method"] not in known:
        raise unknown_name("plugin method", facts["method"], known)
    return known[facts["method"]].from_state(tensors, facts)
