"""The command lines of `icpc COMMAND` and `tools/`; what is slow is imported as work begins."""
