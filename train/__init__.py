"""The training stage: many spatial networks as one batch, in PyTorch, exported to HDF5."""
