"""Running servers of others on this machine: what the adapters that do so share. No technology is known here."""
