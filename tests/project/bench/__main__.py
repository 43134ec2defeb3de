"""Measures what the library promises about speed, and prints Markdown tables with the machine they come from.

Run it with ``tox -e bench``, or with ``tox -e bench -- quick`` to see in a minute or two whether everything works.
"""

from __future__ import annotations

import measure_block
import measure_comparing
import measure_effect
import measure_environments
import measure_large_repository
import measure_large_results
import measure_many_entries
import measure_memory
import measure_others
import measure_reading
import measure_stages
import measure_start
import measure_upstream
from running import run

TOPICS = (
    *(measure_block, measure_upstream, measure_others),
    *(measure_start, measure_large_repository, measure_environments, measure_large_results),
    *(measure_memory, measure_effect, measure_reading, measure_many_entries, measure_comparing, measure_stages),
)

if __name__ == "__main__":
    run({topic.__name__.removeprefix("measure_"): topic.measure for topic in TOPICS}, __doc__)
