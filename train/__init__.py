"""The training stage: many spatial networks at once, in PyTorch, exported to HDF5."""
