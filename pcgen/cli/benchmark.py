"""``pcgen benchmark``: comparisons that anybody can run again."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "compare every plugin on one frozen backbone"
EXAMPLES = """\
  pcgen benchmark control
  pcgen benchmark control --requests 100 --seeds 1 --methods ridge,plugen,editor -o out/control"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("what", choices=["control"], help="control: how well plugins reach requests and hold the rest")
    parser.add_argument("--model", default="chair", help="shipped generator, or folder of one (%(default)s)")
    parser.add_argument("--methods", default="", help="rows, separated by commas; all if not given")
    parser.add_argument("--attributes", default="", help="attributes, separated by commas; all if not given")
    parser.add_argument("--correlations", default="0,0.6", help="of the training attributes (%(default)s)")
    for name, value, text in (
        ("shapes", 8000, "training codes"),
        ("requests", 2000, "requests per attribute"),
        ("seeds", 3, "fits of each network"),
        ("steps", 4000, "steps of a network"),
        ("rounds", 6, "rounds of the closed loop"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{text} (%(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/benchmark"), help="output folder (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Run, print, and write ``control.json`` and ``control.md``."""
    import sys

    from pcgen.benchmark.control import ROWS, ControlConfig, run, to_markdown
    from pcgen.cli._output import prepare_folder, write_record
    from pcgen.errors import unknown_name
    from pcgen.files import atomic_writer

    methods = tuple(filter(None, arguments.methods.split(",")))
    for method in methods:
        if method not in ROWS:
            raise unknown_name("plugin method", method, ROWS)
    config = ControlConfig(
        model=arguments.model,
        methods=methods,
        attributes=tuple(filter(None, arguments.attributes.split(","))),
        shapes=arguments.shapes,
        requests=arguments.requests,
        seeds=arguments.seeds,
        correlations=tuple(float(text) for text in arguments.correlations.split(",")),
        steps=arguments.steps,
        rounds=arguments.rounds,
    )
    out = prepare_folder(arguments.out)
    document = run(config, lambda line: print(line, flush=True))
    text = to_markdown(document, "pcgen " + " ".join(sys.argv[1:]))
    write_record(out / "control.json", document)
    with atomic_writer(out / "control.md") as file:
        file.write(text.encode())
    print(f"\n{text}\nwrote {out / 'control.json'}, {out / 'control.md'}")
    return 0
