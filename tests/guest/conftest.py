"""Tests below this directory run in a QEMU guest whose only cgroup hierarchy is version 2.

They are ordinary tests, found and selected here as anywhere. The first one that is due boots the
guest, where a pytest of its own runs all those selected, and sends its reports out; here each test
is then answered by what was reported of it (decision 090). Those of SELINUX have a guest of their
own, which enforces a policy of SELinux. In the guest, where WHERRY_GUEST is
set, this file does nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.guest.vm import qemu
from tests.guest.vm.kernel import GuestMissing

HERE = Path(__file__).parent
INSIDE = "WHERRY_GUEST" in os.environ
SELINUX = ("test_selinux.py",)
OUTCOMES = pytest.StashKey["dict[bool, qemu.Outcome | str]"]()
"""What each guest reported, by whether it has SELinux, or the reason why there is none."""


def pytest_configure(config: pytest.Config) -> None:
    """Known also where pytest-xdist is not loaded."""
    config.addinivalue_line("markers", "xdist_group: tests for one worker of pytest-xdist")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs them all, and the first test's time includes the whole run."""
    for item in items:
        if not INSIDE and HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("guest"))
            item.add_marker(pytest.mark.timeout(qemu.LONGEST + 300))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Answer a test of this directory by the guest's reports, or skip it with the reason."""
    if INSIDE or HERE not in item.path.parents:
        return None
    outcome = _outcome(item.session, selinux=item.path.name in SELINUX)
    if isinstance(outcome, str):
        item.add_marker(pytest.mark.skip(reason=outcome))
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, outcome):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _outcome(session: pytest.Session, *, selinux: bool) -> qemu.Outcome | str:
    """Boot each guest once per session, for all of its tests that are selected."""
    outcomes = session.stash.setdefault(OUTCOMES, {})
    if selinux not in outcomes:
        wanted = [
            _plain(item.nodeid)
            for item in session.items
            if HERE in item.path.parents and (item.path.name in SELINUX) == selinux
        ]
        try:
            outcomes[selinux] = qemu.run(wanted, selinux=selinux)
        except GuestMissing as error:
            outcomes[selinux] = f"no guest: {error}"
    return outcomes[selinux]


def _plain(nodeid: str) -> str:
    """Without the group that pytest-xdist appends."""
    return nodeid.removesuffix("@guest")


def _reports(item: pytest.Item, outcome: qemu.Outcome) -> list[pytest.TestReport]:
    found = outcome.reports.get(_plain(item.nodeid), [])
    if not found:
        said = "\n".join([*outcome.broken, outcome.console[-6000:]])
        return [_failed(item, f"the guest reported nothing of this test. It said:\n{said}")]
    reports = []
    for data in found:
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        report.nodeid = item.nodeid
        if isinstance(
            report.longrepr, list
        ):  # a skip's (file, line, reason), which JSON made a list
            report.longrepr = tuple(report.longrepr)
        reports.append(report)
    return reports


def _failed(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", text, "call"
    )
