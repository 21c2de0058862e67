"""The public conformance suite of the distribution specification, where somebody has built it.

It is written in Go and not packaged, so `WHERRY_CONFORMANCE` names the program (docs/registry.md).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.registries import WherryRegistry

PROGRAM = os.environ.get("WHERRY_CONFORMANCE", "")


@pytest.mark.skipif(not PROGRAM, reason="WHERRY_CONFORMANCE does not name the suite's program")
def test_the_public_suite(tmp_path: Path) -> None:
    switched_on = (
        "BLOBS_DIGEST_HEADER", "BLOBS_UPLOAD_CANCEL", "MANIFESTS_DIGEST_HEADER",
        "MANIFESTS_TAG_PARAM",
    )  # fmt: skip
    with WherryRegistry(tmp_path / "r") as registry:
        environment = os.environ | {f"OCI_API_{name}": "true" for name in switched_on}
        environment |= {
            "OCI_REGISTRY": registry.address,
            "OCI_TLS": "disabled",
            "OCI_VERSION": "1.1",
            "OCI_RESULTS_DIR": str(tmp_path / "results"),
        }
        done = subprocess.run(
            [PROGRAM], env=environment, capture_output=True, text=True, check=False
        )
    assert "OCI Conformance Result: Pass" in done.stdout, done.stdout[-5000:]
