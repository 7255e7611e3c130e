"""Takes its time, as a real backend does."""

import time

time.sleep(0.2)
