"""The command `canter`, also as `python -m canter`."""


def main() -> None:
    """Run it. The command line loads here: worker processes load the module of the command, too."""
    from canter.apps import cli

    cli.main()


if __name__ == "__main__":
    main()
