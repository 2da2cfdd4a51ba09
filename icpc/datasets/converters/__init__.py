"""From what people download to what the configs read; used by `tools/prepare_data.py`."""
