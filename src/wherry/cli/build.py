"""What the command line says about itself."""

from __future__ import annotations

import sys

VERSION = "0.1.0"
PYTHON_VERSION = ".".join(str(part) for part in sys.version_info[:3])
