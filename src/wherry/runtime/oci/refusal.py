"""The error that ends a command with a message, in runc's words where callers look for them.

containerd and Podman know a failure by its text ("container not running", "container does not
exist", "executable file not found in $PATH"), so these sentences are an interface.
"""

from __future__ import annotations

NOT_RUNNING = "container not running"
NOT_THERE = "container does not exist"
ALREADY_THERE = "container with given ID already exists"
BAD_ID = "invalid container ID format"
NOT_PAUSED = "container not paused"
PAUSED = "container paused"


class Refusal(Exception):
    """The command ends: `message` goes to the log and standard error, `status` to the caller."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
