"""`python -m tltk.cli …` is `tltk …`."""

from tltk.cli.main import main

if __name__ == "__main__":
    main()
