# Instances of the local cloud. `ctl.py` beside this file talks to its daemon; nothing is downloaded.

terraform {
  required_version = ">= 1.4"
}

variable "instance_ids" {
  type        = set(string)
  description = "Our ids of the instances that are to exist."
}

variable "deployment_id" {
  type = string
}

variable "zone" {
  type = string
}

variable "instance_type" {
  type = string
}

variable "spot" {
  type = bool
}

variable "socket" {
  type        = string
  description = "Where the local cloud's daemon listens."
}

# Read by ctl.py from the variables file, not by Terraform: so it is in no state and no log line.
variable "user_data" {
  type      = map(string)
  sensitive = true
}

locals {
  ctl = ["python3", "-S", "-E", "ctl.py"]
}

# The right to end an instance. Terraform runs no destroy-time provisioner of a resource whose create-time one failed
# or was cut short, so the two are in two resources: whatever happened to a launch, its end is always told to the cloud.
resource "terraform_data" "claim" {
  for_each = var.instance_ids
  input    = { ctl = local.ctl }

  provisioner "local-exec" {
    when        = destroy
    interpreter = self.input.ctl
    command     = "terminate"
    environment = { KYC_INSTANCE_ID = each.key }
  }
}

resource "terraform_data" "instance" {
  for_each   = var.instance_ids
  depends_on = [terraform_data.claim]

  provisioner "local-exec" {
    interpreter = local.ctl
    command     = "launch"
    environment = { KYC_INSTANCE_ID = each.key, KYC_PLACED = "placed/${self.id}.json" }
  }
}

locals {
  # The id is unknown until the instance exists, so the file is read after the launch has written it.
  placed = {
    for key, instance in terraform_data.instance :
    key => jsondecode(file("${path.module}/placed/${instance.id}.json"))
  }
}

output "provider_ids" {
  value = { for key, placed in local.placed : key => placed.provider_id }
}

output "addresses" {
  value = { for key, placed in local.placed : key => placed.address }
}
