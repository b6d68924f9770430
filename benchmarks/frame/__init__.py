"""What every program here shares: rows with a mark, rounds in turn, arguments, the report."""
