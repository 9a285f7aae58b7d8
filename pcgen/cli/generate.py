"""``pcgen generate``: draw new shapes."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "draw new shapes, with given attributes if wanted"
EXAMPLES = """\
  pcgen generate chair -n 16
  pcgen generate chair -n 4 --set seat_height=0.55 --set armrests=yes --seed 7 -o out/tall"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("model", help="shipped generator (chair, table, lamp, mug, airplane), or folder of one")
    parser.add_argument("-n", "--count", type=int, default=16, help="how many (%(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="an attribute; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="which shapes (%(default)s)")
    parser.add_argument("--points", type=int, default=2048, help="points of each (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/generate"), help="output folder (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Draw, write one PLY per shape, ``grid.png`` and ``generate.json``."""
    import pcgen
    from pcgen.cli._output import parse_requests, prepare_folder, print_table, write_record
    from pcgen.errors import InputError
    from pcgen.pointcloud import PointCloud
    from pcgen.viz.layout import samples, save_png

    if arguments.count < 1 or arguments.points < 1:
        raise InputError("-n and --points must be at least 1")
    requests = parse_requests(arguments.set)
    generator = pcgen.load(arguments.model)
    shapes = generator.sample(arguments.count, seed=arguments.seed, num_points=arguments.points, **requests)
    values, _ = generator.measure(shapes)

    out = prepare_folder(arguments.out)
    for number, points in enumerate(shapes):
        PointCloud(points.numpy()).save(out / f"{number:03d}.ply")
    captions = [f"{number:03d}" for number in range(len(shapes))]
    save_png(samples(list(shapes.numpy()), captions=captions), out / "grid.png")
    measured = [{spec.name: value for spec, value in zip(generator.specs, row, strict=True)} for row in values.tolist()]
    write_record(out / "generate.json", {"seed": arguments.seed, "requested": requests, "measured": measured})

    rows = [["", *(spec.name for spec in generator.specs)]]
    for caption, row in zip(captions, values.tolist(), strict=True):
        rows.append([caption, *(spec.format(value) for spec, value in zip(generator.specs, row, strict=True))])
    print_table(rows)
    print(f"\nwrote {len(shapes)} clouds and {out / 'grid.png'}")
    return 0
