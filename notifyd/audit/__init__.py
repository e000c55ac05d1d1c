"""What operators ask of the ledger, the log and the stream beside the running daemon; on core and ports."""
