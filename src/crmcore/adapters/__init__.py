"""Adapters: the backends that store the domain, and the codec they share."""
