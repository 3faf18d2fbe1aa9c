"""Money: what models cost, what is held and spent, the ledger's file, and every reading of it."""
