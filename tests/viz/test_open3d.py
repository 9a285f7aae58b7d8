"""Open3D: pictures in a child process that agree with our camera, and failures that are sentences."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys

import numpy as np
import pytest

from pcgen.errors import InputError, UnavailableError
from pcgen.viz import open3d as o3d_view
from pcgen.viz import render, three_quarter_view

needs_open3d = pytest.mark.skipif(importlib.util.find_spec("open3d") is None, reason="open3d is not installed")


def cone() -> np.ndarray:
    """A dense cone that leans, so that a mirrored or turned picture would differ."""
    rng = np.random.default_rng(0)
    height, turn = rng.uniform(0, 1, 4000), rng.uniform(0, 2 * np.pi, 4000)
    return np.stack([(1 - height) * np.cos(turn) + 0.8 * height, 2 * height, 0.5 * (1 - height) * np.sin(turn)], axis=1)


def test_importing_the_pictures_does_not_import_open3d():
    code = "import sys, pcgen.viz, pcgen.viz.open3d; sys.exit('open3d' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_open3d
def test_open3d_and_the_software_renderer_see_the_same_shape():
    camera = three_quarter_view(cone(), aspect=1.5)
    try:
        theirs = o3d_view.render_open3d(cone(), camera=camera, size=(180, 120))
    except UnavailableError as error:
        pytest.skip(str(error))
    ours = render(cone(), camera=camera, size=(180, 120), shadow=False)
    assert theirs.shape == ours.shape and theirs.dtype == np.uint8
    assert (theirs[0, 0] == 255).all()
    covered = [(picture < 250).any(axis=-1) for picture in (theirs, ours)]
    overlap = (covered[0] & covered[1]).sum() / (covered[0] | covered[1]).sum()
    assert overlap > 0.85


def test_an_orthographic_camera_is_refused():
    with pytest.raises(InputError, match="perspective"):
        o3d_view.render_open3d(cone(), camera=three_quarter_view(cone(), orthographic=True))


@needs_open3d
def test_a_renderer_that_dies_is_a_sentence_with_the_remedy(monkeypatch):
    died = subprocess.CompletedProcess([], returncode=-11, stdout="", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: died)
    with pytest.raises(UnavailableError, match=r"died with status -11.*apt-get install .*mesa-vulkan-drivers"):
        o3d_view.render_open3d(cone())


@needs_open3d
def test_a_renderer_that_complains_is_quoted(monkeypatch):
    said = subprocess.CompletedProcess([], returncode=1, stdout="", stderr="Traceback\nRuntimeError: no vulkan\n")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: said)
    with pytest.raises(UnavailableError, match="RuntimeError: no vulkan"):
        o3d_view.render_open3d(cone())


@needs_open3d
@pytest.mark.skipif(sys.platform != "linux", reason="displays are found by environment variables on Linux only")
def test_no_display_is_a_sentence(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UnavailableError, match="neither DISPLAY nor WAYLAND_DISPLAY"):
        o3d_view.show([cone()])


def test_without_open3d_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(UnavailableError, match=r"pip install 'pcgen\[viz\]'"):
        o3d_view.render_open3d(cone())


def test_several_clouds_stand_left_to_right_without_touching():
    placed = o3d_view._side_by_side([cone(), cone(), cone()])
    for left, right in itertools.pairwise(placed):
        assert right[:, 0].max() < left[:, 0].min()  # −X is to the right for who stands in front
    with pytest.raises(InputError, match="at least one cloud"):
        o3d_view._side_by_side([])
