"""Train spatial networks, split trained networks into task modules, and measure how modular they are.

Nothing is imported here, so that ``import spatialgraph`` and the command line start at once; import what you use from
its own module, for example ``from spatialgraph.store import read_network``.
"""

__version__ = "0.1.0"
