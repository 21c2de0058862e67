"""`python -m wherry.registry.server`."""

import sys

from wherry.registry.server.serve import main

sys.exit(main())
