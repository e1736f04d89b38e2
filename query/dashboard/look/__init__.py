"""The look of the dashboard's pages."""
