"""Published models and values that ours are held against."""
