"""Columns: facts and profiles as a stream of batches, for analytics and data frames."""

from crmcore.adapters.columns.stream import BatchStream, by_id, layout

__all__ = ["BatchStream", "by_id", "layout"]
