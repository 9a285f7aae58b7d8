"""Draw two shapes side by side with one camera; where points correspond, the second shows how far they moved."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pcgen import PointCloud, viz
from pcgen.errors import PcgenError


def main() -> None:
    """Parse the command line and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python viz/compare.py chair.ply edited.ply --edit"
    )
    parser.add_argument("before", type=Path, help="the original shape")
    parser.add_argument("after", type=Path, help="the other shape")
    parser.add_argument(
        "--edit", action="store_true", help="row i of both files is the same point: colour by its motion"
    )
    parser.add_argument("--azimuth", type=float, default=35, help="degrees around the shapes, 0 is the front (-Z) [35]")
    parser.add_argument("--title", help="headline")
    parser.add_argument("--out", type=Path, default=Path("compare.png"), help="picture to write [compare.png]")
    args = parser.parse_args()
    try:
        before, after = PointCloud.load(args.before), PointCloud.load(args.after)
        camera = viz.three_quarter_view(np.concatenate([before.points, after.points]), azimuth=args.azimuth)
        captions = (args.before.stem, args.after.stem)
        if args.edit:
            picture = viz.before_after(before, after, captions=captions, title=args.title, camera=camera)
        else:
            picture = viz.samples([before, after], captions=captions, title=args.title, size=(440, 440), camera=camera)
        print(f"wrote {viz.save_png(picture, args.out)}")
    except PcgenError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
