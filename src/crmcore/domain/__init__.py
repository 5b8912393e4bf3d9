"""The domain: values, aggregates, facts and rules. Standard library and attrs only."""
