"""Open3D, kept in one place: an interactive window, and an off-screen picture made in a process of its own.

The rest of :mod:`pcgen.viz` never imports Open3D, and here it is imported only when it is needed.
"""

from __future__ import annotations

__all__ = ["missing_packages", "render_open3d", "show"]

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgen.errors import InputError, UnavailableError
from pcgen.viz.camera import Camera, as_points, three_quarter_view
from pcgen.viz.color import PAPER, colors_of, rgb, to_linear, to_srgb
from pcgen.viz.light import sky_over, sky_shade
from pcgen.viz.splat import point_spacing

# What Open3D loads, and the Debian package that has it; Vulkan needs a driver besides.
LIBRARIES = {
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libGL.so.1": "libgl1",
    "libgomp.so.1": "libgomp1",
    "libvulkan.so.1": "libvulkan1",
}
VULKAN_DRIVERS = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))
VULKAN_PACKAGE = "mesa-vulkan-drivers"
REMEDY = (
    f"on Debian or Ubuntu run: apt-get install {' '.join(LIBRARIES.values())} {VULKAN_PACKAGE}; "
    "pcgen.viz.render makes pictures without Open3D"
)
SECONDS = 120  # the first software-rendered picture on a busy machine takes a few


def show(clouds: Sequence[Any], *, colors: Sequence[ArrayLike] | None = None, title: str = "pcgen") -> None:
    """Open a window with one or more clouds, left to right, and return when it is closed.

    Args:
        clouds: each ``[N, 3]``, finite, or with such ``points``; seen from the front (−Z).
        colors: for each cloud ``[N, 3]`` or ``[3]`` sRGB in 0..1; its own, or by height, when left out.
        title: of the window.

    Raises:
        InputError: there is no cloud, or one has the wrong form.
        UnavailableError: Open3D is not installed, or there is no display.
    """
    colors = [colors_of(cloud) for cloud in clouds] if colors is None else colors
    clouds = _side_by_side([as_points(cloud) for cloud in clouds])
    o3d = _import_open3d()
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UnavailableError("cannot open a window: neither DISPLAY nor WAYLAND_DISPLAY is set; write a PNG instead")
    window = o3d.visualization.Visualizer()
    if not window.create_window(title, width=1280, height=800):
        raise UnavailableError(f"Open3D could not open a window; {REMEDY}")
    camera = three_quarter_view(np.concatenate(clouds))
    for cloud, color in zip(clouds, colors, strict=True):
        window.add_geometry(_geometry(o3d, cloud, color, camera))
    window.get_render_option().background_color = rgb(PAPER).astype(np.float64)
    view = window.get_view_control()
    view.set_front(np.subtract(camera.eye, camera.target) / camera.distance)
    view.set_up(camera.up)
    window.run()
    window.destroy_window()


def render_open3d(
    points: Any,
    *,
    colors: ArrayLike | None = None,
    camera: Camera | None = None,
    size: tuple[int, int] = (512, 512),
    radius: float | None = None,
) -> NDArray[np.uint8]:
    """A picture by Open3D's off-screen renderer, with or without a GPU or a display.

    A missing or broken graphics driver can end a process without an exception, so a child process draws.

    Args:
        points: ``[N, 3]``, finite, or an object with such ``points``.
        colors: sRGB in 0..1, ``[N, 3]`` or one ``[3]``; the cloud's own, or by height, when left out.
        camera: a perspective camera; defaults to :func:`~pcgen.viz.three_quarter_view` of the points.
        size: width and height in pixels.
        radius: half a point's edge in world units, at the camera's target; defaults to the cloud's own spacing.

    Returns:
        ``[height, width, 3]`` uint8 sRGB.

    Raises:
        InputError: points have the wrong form, or the camera is orthographic.
        UnavailableError: Open3D or the graphics driver is missing; the message says what to install.
    """
    colors = colors_of(points) if colors is None else colors
    points = as_points(points)
    camera = camera or three_quarter_view(points, aspect=size[0] / size[1])
    if camera.orthographic:
        raise InputError("render_open3d needs a perspective camera; pcgen.viz.render draws orthographic views")
    _import_open3d()
    radius = point_spacing(points) if radius is None else radius
    point_size = max(1.0, radius * size[1] / camera.half_height)
    with tempfile.TemporaryDirectory() as folder:
        scene, picture = Path(folder, "scene.npz"), Path(folder, "picture.npy")
        np.savez(scene, points=points, colors=np.asarray(colors), size=size, point_size=point_size, **asdict(camera))
        failure = _run_child([str(scene), str(picture)])
        if failure or not picture.exists():
            raise UnavailableError(f"Open3D cannot draw off-screen here ({failure or 'no picture came'}); {REMEDY}")
        return np.load(picture, allow_pickle=False)


def missing_packages() -> list[str]:
    """Debian packages that Open3D needs on this machine and does not find."""
    missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
    drivers = (path for folder in VULKAN_DRIVERS for path in folder.glob("*.json"))
    named = os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")
    return missing if named or any(drivers) else [*missing, VULKAN_PACKAGE]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _run_child(arguments: Sequence[str]) -> str:
    """Run this module as a program; returns why it failed, or an empty string."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    command = [sys.executable, "-m", "pcgen.viz.open3d", *arguments]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no picture within {SECONDS} s"
    if child.returncode == 0:
        return ""
    said = (child.stderr or child.stdout).strip().splitlines()
    return said[-1] if said and child.returncode > 0 else f"the renderer died with status {child.returncode}"


def _draw(scene: Path, picture: Path) -> None:
    """The child's work: read a scene, write its picture."""
    o3d = _import_open3d()
    with np.load(scene, allow_pickle=False) as stored:
        given = {name: stored[name].tolist() for name in ("eye", "target", "up", "fov", "size", "point_size")}
        points, colors = stored["points"], stored["colors"]
    camera = Camera(given["eye"], given["target"], given["up"], given["fov"])
    rendering = o3d.visualization.rendering
    renderer = rendering.OffscreenRenderer(*given["size"])
    material = rendering.MaterialRecord()
    material.shader, material.point_size = "defaultUnlit", given["point_size"]
    renderer.scene.set_background([*rgb(PAPER), 1.0])
    renderer.scene.view.set_post_processing(False)  # tone mapping would turn white paper grey
    renderer.scene.add_geometry("cloud", _geometry(o3d, points, colors, camera), material)
    renderer.setup_camera(camera.fov, camera.target, camera.eye, camera.up)
    np.save(picture, np.asarray(renderer.render_to_image()))


def _geometry(o3d: Any, points: NDArray[np.float64], colors: ArrayLike, camera: Camera) -> Any:
    """An Open3D cloud with the light of our sky in its colours, because Open3D draws points flat."""
    light = sky_shade(points, point_spacing(points), sky_over(camera))
    shaded = to_srgb(np.broadcast_to(to_linear(np.asarray(colors, np.float64)), points.shape) * light[:, None])
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.colors = o3d.utility.Vector3dVector(shaded)
    return cloud


def _side_by_side(clouds: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Clouds moved along −X, which is to the right for who stands in front, with a fifth of the widest between them."""
    if not clouds:
        raise InputError("nothing to show; give at least one cloud")
    step = 1.2 * max(float(np.ptp(cloud[:, 0])) for cloud in clouds)
    return [cloud - [index * step, 0, 0] for index, cloud in enumerate(clouds)]


def _import_open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise UnavailableError(
            f"Open3D cannot be imported ({error}); install it with: pip install 'pcgen[viz]'; if it is there, {REMEDY}"
        ) from error
    return open3d


if __name__ == "__main__":
    _draw(Path(sys.argv[1]), Path(sys.argv[2]))
