"""``pcgen VERB …``: builds the parser, runs the verb, turns errors into sentences."""

from __future__ import annotations

__all__ = ["main"]

import argparse
import os
import sys
import warnings

from pcgen import __version__
from pcgen.cli import attributes, benchmark, calibrate, doctor, edit, fit, generate, interpolate, reconstruct, train
from pcgen.errors import PcgenError

VERBS = {
    "edit": edit,
    "generate": generate,
    "reconstruct": reconstruct,
    "interpolate": interpolate,
    "attributes": attributes,
    "train": train,
    "fit": fit,
    "calibrate": calibrate,
    "benchmark": benchmark,
    "doctor": doctor,
}


def build_parser() -> argparse.ArgumentParser:
    """The parser with every verb."""
    parser = argparse.ArgumentParser(
        prog="pcgen",
        description="Steer frozen 3D point-cloud generators by attribute.",
        epilog="`pcgen VERB --help` shows a verb's options and examples.",
    )
    parser.add_argument("--version", action="version", version=f"pcgen {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=f"examples:\n{module.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for a problem the user can solve, 130 when interrupted."""
    # Idle threads that spin slow everything down beside another busy process; torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    arguments = build_parser().parse_args(argv)
    warnings.showwarning = _show_warning  # type: ignore[assignment]  # fewer names for the same call
    try:
        return arguments.run(arguments)
    except PcgenError as error:
        print(f"pcgen: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pcgen: interrupted", file=sys.stderr)
        return 130


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"pcgen: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
