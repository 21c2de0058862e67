"""The suites that elsewhere run on the machine's own kernel, once more on this one.

Each in a process of its own: some make themselves the reaper of orphans.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SUITES = (
    "tests/root/kernel",
    "tests/root/runtime",
    "tests/root/keeper",
    "tests/contract/runtime",
    "tests/contract/oci_runtime",
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("suite", SUITES)
def test_suite(suite: str) -> None:
    if not os.environ.get("WHERRY_LONG"):
        pytest.skip("long: WHERRY_LONG=1 runs it")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", suite]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
