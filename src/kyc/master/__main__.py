"""`python -m kyc.master up`: the master's process."""

from __future__ import annotations

import sys

from kyc.master.main import main
from kyc.master.wiring import build

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], build=build))
