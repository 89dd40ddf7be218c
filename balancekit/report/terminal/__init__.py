"""Reports in a terminal: they fit its width, and drop colour where there is none."""

__all__: list[str] = []
