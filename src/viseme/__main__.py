"""`python -m viseme` is `viseme`."""

from __future__ import annotations

import sys

from viseme.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
