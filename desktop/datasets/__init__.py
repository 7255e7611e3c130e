"""From files on the user's disk to checked training rows: reading, templates, loss, report, split and writing.

`prepare(plan)` checks everything and hands out rows; `write_rows(plan, folder)` puts them where a run reads them.
Pure Python: nothing here needs Qt or torch. Nothing here keeps a thread; callers run it on one of theirs.
"""

from .plan import DataError, DataPlan
from .prepare import Prepared, prepare
from .report import BadRow, DatasetReport
from .writing import EVALUATION_FILE, ROWS_FILE, read_rows, write_rows

__all__ = [
    "EVALUATION_FILE",
    "ROWS_FILE",
    "BadRow",
    "DataError",
    "DataPlan",
    "DatasetReport",
    "Prepared",
    "prepare",
    "read_rows",
    "write_rows",
]
