#!/usr/bin/env python3
"""Records the corpus: real programs, a relay between them, and what eCapture would have sent of it.

    python3 tests/data/http/record/record.py [--only SCENARIO] [--into FOLDER]

Needs nginx, node, curl (with HTTP/2, brotli and zstd), zstd, nghttp and nghttpd on the PATH, and the network once, for
Python packages. Only tests need the result; nothing needs this script but who wants to make it again.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import bodies
import programs
import scenarios
from expected import write_lines

PACKAGES = ["websockets==17.4", "httpx==0.28.1", "h2==4.4.1", "hpack==4.2.0"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", help="make only this scenario, and print its expectation")
    arguments.add_argument("--into", type=Path, default=Path(__file__).resolve().parent.parent)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecq-corpus-") as name:
        folder = Path(name)
        interpreter = environment(folder)
        bench = scenarios.Bench(folder, bodies.files(), interpreter)
        lines = []
        for each in scenarios.ALL:
            if options.only and options.only != each.__name__:
                continue
            scenario = each(bench)
            written = scenario.write(options.into)
            size = (options.into / f"{scenario.name}.frames.zst").stat().st_size
            print(f"{scenario.name}: {written[0]['events']} events, {len(written) - 1} exchanges, {size} bytes", file=sys.stderr)
            lines += written
        if options.only:
            for line in lines:
                print(line)
            return
        write_lines(options.into / "expected.jsonl", lines)
        print_versions()


def environment(folder):
    """A Python that has the packages."""
    path = folder / "venv"
    venv.create(path, with_pip=True)
    subprocess.run([path / "bin/pip", "install", "-q", *PACKAGES], check=True)
    return path / "bin/python3"


def print_versions():
    for command in (
        ["curl", "-V"],
        ["nginx", "-v"],
        ["node", "--version"],
        ["nghttp", "--version"],
        ["zstd", "--version"],
        ["python3", "--version"],
    ):
        print(f"{command[0]}: {programs.version(*command)}", file=sys.stderr)
    print(*PACKAGES, file=sys.stderr)


if __name__ == "__main__":
    main()
