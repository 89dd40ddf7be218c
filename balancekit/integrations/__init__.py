"""Integrations: one file a library. Nothing is imported before it is asked for."""

__all__: list[str] = []
