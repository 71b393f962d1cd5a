"""`python -m ganatomy`: the command-line program."""

from ganatomy.cli.main import main

if __name__ == "__main__":
    main()
