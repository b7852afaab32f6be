"""Run the command line: ``python -m spatialgraph COMMAND …``."""

from spatialgraph.cli import main

if __name__ == "__main__":
    main()
