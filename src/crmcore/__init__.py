"""crmcore: the CRM domain model that Python applications embed."""
