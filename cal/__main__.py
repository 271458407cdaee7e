"""`python -m cal` is `cal`."""

from cal.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
