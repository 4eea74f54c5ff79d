"""What `bando` starts: the command line, or one sentence when a dependency is missing."""

from __future__ import annotations


def main() -> None:
    """Run `commands/root.py`."""
    try:
        from commands.root import main as command_line  # here, so that a missing library is no traceback
    except ImportError as missing:
        remedy = "install what Bando needs: pip install --require-hashes -r requirements.lock"
        raise SystemExit(f"bando: {str(missing) or 'a library is missing'}; {remedy}") from None
    command_line()


if __name__ == "__main__":
    main()
