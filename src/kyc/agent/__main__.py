"""`python -m kyc.agent`: what an instance's user data runs."""

import sys

from kyc.agent.main import main

sys.exit(main())
