"""`python -m balancekit`, the same as the command `balancekit`."""

from balancekit.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
