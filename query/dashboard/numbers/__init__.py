"""Database queries of the dashboard."""
