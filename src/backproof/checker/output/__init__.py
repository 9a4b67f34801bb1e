"""Show a report: in a terminal, as a page, as JSON."""
