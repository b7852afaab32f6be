"""What all tests share: each process, and each that it starts, has one thread, as many run as there are cores."""

import os

# Threads of several processes that wait for one another on the same cores make each many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A plugin: imported while its examples are looked for, it would enter its functions for all tests.
collect_ignore = ["support/one_of_each.py"]
