"""`python -m lensapp`: the command line."""

import sys

from lensapp.cli import main

if __name__ == "__main__":
    sys.exit(main())
