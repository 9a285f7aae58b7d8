"""Look at point clouds or meshes in a window; without a display, draw them into a PNG instead."""

from __future__ import annotations

import argparse
from pathlib import Path

from pcgen import PointCloud, viz
from pcgen.errors import PcgenError, UnavailableError
from pcgen.viz.open3d import show


def main() -> None:
    """Parse the command line and show the shapes."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python viz/view.py chair.ply table.obj")
    parser.add_argument("files", nargs="+", type=Path, help="shapes, shown left to right")
    parser.add_argument("--points", type=int, help="draw a random sample of this many points")
    parser.add_argument("--png", type=Path, default=Path("view.png"), help="picture without a display [view.png]")
    args = parser.parse_args()
    try:
        clouds = [PointCloud.load(file, args.points) for file in args.files]
        try:
            show(clouds, title=", ".join(file.name for file in args.files))
        except UnavailableError as error:
            images = [viz.render(cloud, size=(800, 800)) for cloud in clouds]
            viz.save_png(viz.grid(images, captions=[file.name for file in args.files]), args.png)
            print(f"{error}\nwrote {args.png}")
    except PcgenError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
