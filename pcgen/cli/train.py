"""``pcgen train``: train a backbone, then fit its prior and plugin."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

HELP = "train a backbone from a config, then fit its prior and plugin; resumes where it was interrupted"
EXAMPLES = """\
  pcgen train configs/tiny.yaml -o runs/tiny
  pcgen train configs/chair.yaml -o runs/chair --override steps=4000 --override data.real_share=0
  pcgen generate runs/tiny -n 4
  torchrun --nproc-per-node 2 --no-python pcgen train configs/chair.yaml -o runs/chair   (as one, on two processes)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("config", type=Path, help="YAML file, see configs/")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--override", action="append", default=[], metavar="KEY=VALUE", help="a dotted key; may be repeated"
    )
    parser.add_argument("--finish", action="store_true", help="make a generator of the last checkpoint, as it is")


def run(arguments: argparse.Namespace) -> int:
    """Train and print the validation metrics."""
    from pcgen.cli._output import print_table
    from pcgen.config import load_config
    from pcgen.training import TrainConfig, train

    metrics = train(load_config(arguments.config, TrainConfig, arguments.override), arguments.out, arguments.finish)
    if os.environ.get("RANK", "0") != "0":
        return 0  # under torchrun the first process speaks for all
    print_table([["metric", "value"], *([name, f"{value:.3f}"] for name, value in metrics.items())])
    print(f"\nwrote {arguments.out}; use it with `pcgen generate {arguments.out}`")
    return 0
