"""Runs emulated operators in a process that has the sanitizers loaded; started by emulator.py.

Speaks pickles over stdin and stdout. Each request runs in a fork of its own, so that an abort is an answer too.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import tempfile
from typing import Any

import torch


def main() -> None:
    """Answer requests until stdin ends."""
    torch.set_num_threads(1)
    definitions = torch.library.Library("pcgen_emulated", "DEF")
    for name, schema in pickle.load(sys.stdin.buffer).items():
        definitions.define(name + schema)
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(in_child(request), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def in_child(request: dict[str, Any]) -> Any:
    """The answer of a forked child, or what it said on stderr when it died, or that it took more than the limit."""
    limit = request.pop("limit")
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.dup2(stderr.fileno(), 2)
            signal.alarm(limit)
            with os.fdopen(writer, "wb") as out:
                pickle.dump(answer(**request), out)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as incoming:
            data = incoming.read()
        _, status = os.waitpid(child, 0)
        stderr.seek(0)
        said = stderr.read().decode(errors="replace")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return f"takes for ever: more than {limit} s"
    if status != 0 or not data:
        return said or f"the emulation died with status {status}"
    return pickle.loads(data)


def answer(library: str, operator: str, arguments: tuple, runs: list[dict[str, int]]) -> Any:
    """The results as a tuple of tensors, or a text that says what is wrong."""
    torch.ops.load_library(library)
    configure = ctypes.CDLL(library).emulation_configure
    configure.argtypes = [ctypes.c_uint64] + [ctypes.c_int] * 4
    results = []
    for number, run in enumerate(runs):
        # Fills new tensors: another poison. The public function imports a compiler first.
        torch._C._set_deterministic_algorithms(number % 2 == 1)
        built_for = run.get("built_for", run["capability"])
        configure(run["seed"], run["poison"], run["capability"], run["processors"], built_for)
        try:
            result = getattr(torch.ops.pcgen_emulated, operator)(*arguments)
        except RuntimeError as error:
            return str(error)
        results.append(result if isinstance(result, tuple) else (result,))
        for first, other in zip(results[0], results[-1], strict=True):
            if first.numpy().tobytes() != other.numpy().tobytes():
                return f"the result depends on the order of execution or on uninitialised memory: {runs[0]} and {run}"
    return results[0]


if __name__ == "__main__":
    main()
