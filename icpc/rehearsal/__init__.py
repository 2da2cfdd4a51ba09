"""What a rehearsal of a run reads, watches and measures."""
