"""What training changes in its process, put back; and how the tests' small networks are trained soonest."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def own_process_settings():
    """Train in one thread, since threads take longer to meet than small networks to compute; then undo all of it."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # of processes that the tests start
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)  # `train` sets it; other tests draw numbers that small
