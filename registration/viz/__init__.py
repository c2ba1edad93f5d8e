"""Pictures. Imported only where something is shown."""
