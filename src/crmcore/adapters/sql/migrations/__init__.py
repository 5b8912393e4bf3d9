"""crmcore's alembic revisions; a host's alembic can take them into its own version locations.

A revision says its columns itself, never changes once it is released, and can be run again where
it was interrupted: MariaDB commits each change of a table by itself.
"""
