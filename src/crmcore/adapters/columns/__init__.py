"""Columns: facts and profiles as a stream of batches, for analytics and data frames."""

from crmcore.adapters.columns.stream import BatchStream, layout

__all__ = ["BatchStream", "layout"]
