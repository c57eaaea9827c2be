"""The command line of seqanom: one file per command."""
