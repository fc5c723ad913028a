"""The offer book: every price that is known, kept in SQLite, searched in columns mapped from a file."""
