"""Captures and their borders: the only readers and writers of foreign formats."""
