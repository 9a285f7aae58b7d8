"""``pcgen interpolate``: the shapes between two given ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from pcgen.cli._input import add_axes, read, to_frame

HELP = "draw the shapes between two given ones"
EXAMPLES = """\
  pcgen interpolate a.obj b.ply --steps 8 -o out/
  pcgen interpolate chair_dining chair_office    (shipped examples: no files needed)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("start", help="mesh or point cloud, or a shipped example")
    parser.add_argument("end", help="another")
    parser.add_argument("--steps", type=int, default=8, help="shapes in all, the ends' decodes included (%(default)s)")
    parser.add_argument("--points", type=int, default=2048, help="points of each (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/interpolate"), help="output folder (%(default)s)")
    parser.add_argument("--model", default="chair", help="shipped generator, or folder of one (%(default)s)")
    add_axes(parser)
    parser.add_argument("--seed", type=int, default=0, help="sampling of points on a mesh (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Interpolate between the codes, write one PLY per step, ``interpolate.png`` and ``interpolate.json``."""
    import pcgen
    from pcgen.cli._output import prepare_folder, write_record
    from pcgen.errors import InputError
    from pcgen.pointcloud import PointCloud
    from pcgen.viz.layout import samples, save_png

    if arguments.steps < 2 or arguments.points < 1:
        raise InputError("--steps must be at least 2 and --points at least 1")
    generator = pcgen.load(arguments.model)
    ends, fronts = [], []
    for file in (arguments.start, arguments.end):
        cloud = read(file, None, arguments.seed)
        print(f"{file}: {len(cloud)} points")
        rotation, front = to_frame(generator, cloud, arguments.up, arguments.front)
        ends.append(cloud.tensor() @ rotation.T)
        fronts.append(front)
    shapes = generator.interpolate(ends[0], ends[1], arguments.steps, num_points=arguments.points)

    out = prepare_folder(arguments.out)
    for number, points in enumerate(shapes):
        PointCloud(points.numpy()).save(out / f"{number:03d}.ply")
    captions = [f"{step / (arguments.steps - 1):.2f}" for step in range(arguments.steps)]
    save_png(samples(list(shapes.numpy()), captions=captions), out / "interpolate.png")
    facts = {"start": arguments.start, "end": arguments.end, "fronts": fronts, "seed": arguments.seed}
    write_record(out / "interpolate.json", facts)
    print(f"wrote {len(shapes)} clouds and {out / 'interpolate.png'}")
    return 0
