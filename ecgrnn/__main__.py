"""Entry of ``python -m ecgrnn``."""

import sys

from ecgrnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
