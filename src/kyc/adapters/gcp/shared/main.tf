# What the instances of one account share in one region: a network with a subnet, and who may come in.

terraform {
  required_version = ">= 1.4"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

# Everything about the account comes by the environment; see the instances' module.
provider "google" {
  add_terraform_attribution_label = false
}

variable "name" {
  type        = string
  description = "The name of all that is made here: unique in the project."
}

variable "region" {
  type = string
}

variable "network" {
  type        = string
  default     = ""
  description = "A network that exists already, by name, with a subnet of its name in the region; empty: make one."
}

variable "ip_range" {
  type    = string
  default = "10.128.0.0/20"
}

variable "admit" {
  type        = map(object({ protocol = string, ports = list(string), ranges = set(string) }))
  default     = {}
  description = "Who may come in, by a name for each rule. All else is refused; what goes out is not."
}

locals {
  own     = var.network == ""
  network = local.own ? google_compute_network.network[0].id : var.network
}

resource "google_compute_network" "network" {
  count = local.own ? 1 : 0

  name                    = var.name
  description             = "Made by kyc for its instances."
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "subnet" {
  count = local.own ? 1 : 0

  name                     = var.name
  region                   = var.region
  network                  = google_compute_network.network[0].id
  ip_cidr_range            = var.ip_range
  private_ip_google_access = true
}

resource "google_compute_firewall" "admit" {
  for_each = var.admit

  name          = "${var.name}-${each.key}"
  description   = "Made by kyc for its instances."
  network       = local.network
  direction     = "INGRESS"
  source_ranges = each.value.ranges
  target_tags   = [var.name]

  allow {
    protocol = each.value.protocol
    ports    = each.value.ports
  }
}

output "network_tag" {
  value = var.name
}

# The instances' module takes a name where the subnet is not made here: the provider finds it in the region.
output "subnetwork" {
  value = local.own ? google_compute_subnetwork.subnet[0].id : var.network
}
