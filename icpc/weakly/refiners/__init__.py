"""What refines class activation maps of one picture."""
