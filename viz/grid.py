"""Draw many shapes on one sheet, with one camera and one scale."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pcgen import PointCloud, viz
from pcgen.errors import PcgenError


def main() -> None:
    """Parse the command line and write the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python viz/grid.py samples/*.ply --out sheet.png"
    )
    parser.add_argument("files", nargs="+", type=Path, help="shapes; their names become the captions")
    parser.add_argument("--points", type=int, help="draw a random sample of this many points")
    parser.add_argument("--columns", type=int, help="pictures in a row")
    parser.add_argument("--azimuth", type=float, default=35, help="degrees around the shapes, 0 is the front (-Z) [35]")
    parser.add_argument("--title", help="headline")
    parser.add_argument("--out", type=Path, default=Path("grid.png"), help="picture to write [grid.png]")
    args = parser.parse_args()
    try:
        clouds = [PointCloud.load(file, args.points) for file in args.files]
        camera = viz.three_quarter_view(np.concatenate([cloud.points for cloud in clouds]), azimuth=args.azimuth)
        captions = [file.stem for file in args.files]
        sheet = viz.samples(clouds, captions=captions, title=args.title, columns=args.columns, camera=camera)
        print(f"wrote {viz.save_png(sheet, args.out)}")
    except PcgenError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
