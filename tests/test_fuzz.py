"""Damaged files of every kind are refused or read as they were; `support/fuzz.py` does the same with thousands."""

import fuzz


def test_damaged_files_are_refused_or_equal():
    table = fuzz.count(180)
    assert {name: {told: counts[told] for told in fuzz.BAD if counts[told]} for name, counts in table.items()} == {
        name: {} for name in table
    }
    assert sum(counts["refused"] for counts in table.values()) > 90
