"""`python -m wherry.daemon`."""

from wherry.daemon import lean  # noqa: F401, I001 - before asyncio is imported

import sys

from wherry.daemon.main import main

sys.exit(main())
