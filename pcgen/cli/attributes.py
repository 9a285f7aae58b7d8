"""``pcgen attributes``: read attributes off given shapes."""

from __future__ import annotations

import argparse

HELP = "measure the attributes of given shapes"
EXAMPLES = """\
  pcgen attributes chair_dining chair_office --category chair
  pcgen attributes table.obj --category table --up z --front=-y
  pcgen attributes anything.ply --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="meshes or point clouds (ply obj off stl glb npz npy xyz), or examples"
    )
    parser.add_argument(
        "--category",
        default="shape",
        help="what the shapes are: chair table lamp mug airplane …; shape: anything (%(default)s)",
    )
    parser.add_argument("--points", type=int, help="points to sample on a mesh, or to keep of a cloud")
    parser.add_argument("--up", default="y", help="the files' upward axis: x y z -x -y -z (%(default)s)")
    parser.add_argument("--front", default="-z", help="the files' front axis, as in --front=x (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampling of points (%(default)s)")
    parser.add_argument("--json", action="store_true", help="machine-readable; null is not measurable")


def run(arguments: argparse.Namespace) -> int:
    """Print one column for each file."""
    import json

    from pcgen import attributes
    from pcgen.cli._input import read
    from pcgen.cli._output import print_table
    from pcgen.normalize import rotation_to_frame

    measurers = [attributes.get(arguments.category)]
    if arguments.category != "shape":
        measurers.append(attributes.get("shape"))
    specs = [spec for measurer in measurers for spec in measurer.specs]
    rotation = rotation_to_frame(arguments.up, arguments.front)
    columns = []
    for file in arguments.files:
        points = read(file, arguments.points, arguments.seed).tensor() @ rotation.T
        columns.append([value for measurer in measurers for value in measurer.measure(points)[0].tolist()])
    if arguments.json:
        found = {
            file: {spec.name: value if value == value else None for spec, value in zip(specs, column, strict=True)}
            for file, column in zip(arguments.files, columns, strict=True)
        }
        print(json.dumps(found, indent=2))
        return 0
    rows = [["", *arguments.files, ""]]
    for k, spec in enumerate(specs):
        rows.append([spec.name, *(spec.format(column[k]) for column in columns), spec.unit])
    print_table(rows)
    return 0
