"""`python -m desktop` is `lora-deck`."""

import sys

from desktop.cli.main import main

sys.exit(main())
