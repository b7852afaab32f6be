"""The cost in training by several processes: each computes the same gradient, wrapped or not."""

import commands
import pytest
import torch

if torch.distributed.is_available():
    from training_together import work


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no processes that train together")
def test_processes_that_train_together_agree(tmp_path):
    """They are forked from a process that has imported PyTorch, as commands are."""
    processes = [commands.FORKS.Process(target=work, args=(rank, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(timeout=300)
        wrong = [(tmp_path / f"wrong-{rank}") for rank in range(2)]
        assert [process.exitcode for process in processes] == [0, 0], [w.read_text() for w in wrong if w.exists()]
    finally:
        for process in processes:
            process.kill()
            process.join()
