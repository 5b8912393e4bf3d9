"""Runs crmcore's revisions on the connection that `migrate()` hands over."""

from alembic import context

_settings = context.config
prefix: str = _settings.attributes.get("crmcore_prefix", "crm_")
schema: str | None = _settings.attributes.get("crmcore_schema")

context.configure(
    connection=_settings.attributes["connection"],
    version_table=f"{prefix}version",
    version_table_schema=schema,
    transactional_ddl=False,
)
context.run_migrations()
