"""Run the command line: ``python -m spatialgraph COMMAND …``."""

from .cli import main

if __name__ == "__main__":
    main()
