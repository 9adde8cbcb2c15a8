"""`python -m canter` is the command `canter`."""

from canter.apps.cli import main

if __name__ == "__main__":
    main()
