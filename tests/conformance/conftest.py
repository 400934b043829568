"""Lets the tests of the harness import it. The suites themselves are run by run.py, not collected here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
