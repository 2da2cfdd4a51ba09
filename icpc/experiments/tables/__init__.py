"""Tables of a study: results, intervals, tests and costs."""
