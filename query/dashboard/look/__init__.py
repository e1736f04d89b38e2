"""Building blocks of the pages: plots, tables, filters, number formats and styles."""
