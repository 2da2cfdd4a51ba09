"""Studies and what is made of their runs: tables, reports, reproductions, published files."""
