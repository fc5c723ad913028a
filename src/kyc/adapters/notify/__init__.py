"""Messages to people through apprise: e-mail, Slack, webhooks and a hundred others."""
