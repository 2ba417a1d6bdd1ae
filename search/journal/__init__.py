"""What happened, in the order it happened: the journal, its reader, its repair, the ledger."""
