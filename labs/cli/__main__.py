"""`python -m labs.cli` is `closlab`."""

from labs.cli import main

main()
