"""A page in the browser that shows what models answer for a picture."""
