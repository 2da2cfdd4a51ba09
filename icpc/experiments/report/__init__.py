"""The page that compares finished runs."""
