import subprocess
import sys

from spatialgraph import memory


def test_no_more_is_free_than_the_system_says(tmp_path, monkeypatch):
    class Path(type(tmp_path)):
        def read_text(self):
            return "MemTotal: 9 kB\nMemFree:  1 kB\nMemAvailable:       3 kB\n"

    monkeypatch.setattr(memory, "Path", Path)
    monkeypatch.setattr(memory, "_left_by_limit", lambda: float("inf"))
    assert memory.free_memory() == 3072


def test_a_limit_on_the_process_counts_what_it_has_taken():
    code = (
        "import resource; from spatialgraph.memory import free_memory\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); print(int(free_memory()))"
    )
    found = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 0 < found < 2**31
