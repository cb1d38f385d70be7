"""What became of a lead: ledger, log, reasons, and following one on its way."""
