"""Pages, one module each: a query, a few values, a template."""
