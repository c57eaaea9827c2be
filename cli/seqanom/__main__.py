"""`python -m seqanom` is the `seqanom` command."""

from seqanom.main import main

main()
