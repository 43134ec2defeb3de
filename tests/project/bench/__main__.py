"""Measures what the library promises about speed, and prints Markdown tables with the machine they come from.

Run it with ``tox -e bench``, or with ``tox -e bench -- quick`` to see in a minute or two whether everything works.
"""

from __future__ import annotations

import block
import comparing
import effect
import environments
import large_repository
import large_results
import many_entries
import memory
import others
import reading
import stages
import start
import upstream
from running import run

TOPICS = (
    *(block, upstream, others),
    *(start, large_repository, environments, large_results, memory, effect),
    *(reading, many_entries, comparing, stages),
)

if __name__ == "__main__":
    run({topic.__name__: topic.measure for topic in TOPICS}, __doc__)
