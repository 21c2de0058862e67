"""Plugin of the pytest that runs in the guest: every report goes out as a line of JSON."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The device that leads out of the guest."""
    parser.addoption("--reports", help="file that each report is written to, a line of JSON each")


def pytest_configure(config: pytest.Config) -> None:
    """Open it once."""
    if path := config.getoption("--reports"):
        device = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        config.pluginmanager.register(Reporter(config, device))


class Reporter:
    """Writes what pytest's own serialisation makes of a report."""

    def __init__(self, config: pytest.Config, device: int) -> None:
        self._config = config
        self._device = device

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for set-up, call and tear-down of each test."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._tell({"report": data})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported in the guest would otherwise only be missing."""
        if report.failed:
            self._tell({"broken": f"{report.nodeid}: {report.longreprtext}"})

    def _tell(self, message: dict[str, Any]) -> None:
        os.write(self._device, json.dumps(message, default=str).encode() + b"\n")
