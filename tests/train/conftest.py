"""What training changes in its process, put back; and how the tests' small networks are trained soonest."""

import numpy as np
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


@pytest.fixture
def noise(tmp_path):
    """Write two data sets that are read at once; return their files."""
    draw = np.random.default_rng(0)
    files = [tmp_path / "one.npz", tmp_path / "other.npz"]
    for file in files:
        images = {f"{part}_images": draw.integers(0, 256, (200, 8, 8), dtype=np.uint8) for part in ("train", "test")}
        np.savez(file, **images, **{f"{part}_labels": np.arange(200) % 10 for part in ("train", "test")})
    return [str(file) for file in files]
