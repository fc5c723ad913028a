"""Stand-ins for Terraform's google and azurerm providers, with their true schemas and nothing behind them."""
