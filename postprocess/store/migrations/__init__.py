"""How tables of one version become those of the next: alembic's folder, part of the package."""
