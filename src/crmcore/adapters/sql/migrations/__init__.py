"""crmcore's alembic revisions; a host's alembic can take them into its own version locations."""
