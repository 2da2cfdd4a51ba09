"""What is said of a plan before it begins, and recorded when it is done."""
