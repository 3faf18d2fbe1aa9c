"""Every promise tried with the real CLI in the real sandbox; files, ledger and git are the evidence."""
