"""Files that came from elsewhere, looked at before a library reads them: nothing in them runs."""
