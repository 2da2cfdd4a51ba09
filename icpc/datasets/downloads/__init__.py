"""What publishers offer without an account, fetched for `tools/prepare_data.py NAME --download`."""
