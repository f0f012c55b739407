"""Schemathesis against our own OpenAPI document: whatever is sent, no server error, and answers as the document says.

`uv run python -m benchmarks.api_fuzz [--examples 200] [--seed 0]`; a short round of it is among the tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from benchmarks.api_load import Server, samples

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


def fuzz(server: Server, examples: int, seed: int, folder: Path) -> tuple[int, str]:
    """Exit status and report of so many examples an operation; 0 where all checks hold."""
    for number in range(3):
        picture = {"file": (f"{number}.jpg", samples()[5 + number])}
        httpx.post(f"{server.address}/api/v1/predict", files=picture, trust_env=False, timeout=60).raise_for_status()
    words = [
        *("run", f"{server.address}/api/v1/openapi.json", "--checks", ",".join(CHECKS)),
        *("--max-examples", examples, "--seed", seed, "--generation-deterministic"),
        *("--phases", "examples,coverage,fuzzing", "--request-timeout", 60, "--no-color", "--warnings", "off"),
        *("--continue-on-failure", "--no-shrink"),
    ]
    done = subprocess.run(
        [Path(sys.executable).with_name("st"), *map(str, words)], cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "home") as server:
        status, report = fuzz(server, arguments.examples, arguments.seed, Path(folder))
    print(report)
    return status


if __name__ == "__main__":
    sys.exit(main())
