# Instances on Compute Engine, all of one offer. What they share (network, subnet, firewall) is made by ../shared.

terraform {
  required_version = ">= 1.4"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

# Project, region, credentials and endpoints come by the environment only: GOOGLE_PROJECT, GOOGLE_REGION,
# GOOGLE_CREDENTIALS or GOOGLE_OAUTH_ACCESS_TOKEN, GOOGLE_COMPUTE_CUSTOM_ENDPOINT.
provider "google" {
  add_terraform_attribution_label = false
}

locals {
  # By these the sweep knows an instance for ours: they are in the very request that makes it.
  labels = merge(var.labels, { "kyc-master" = var.master_id, "kyc-deployment" = var.deployment_id })
}

resource "google_compute_instance" "instance" {
  for_each = var.instance_ids

  name         = "kyc-${each.key}"
  zone         = var.zone
  machine_type = var.machine_type
  labels       = merge(local.labels, { "kyc-instance" = each.key })
  tags         = [var.network_tag]

  boot_disk {
    auto_delete = true
    initialize_params {
      image  = var.image # an image family: Compute Engine takes its newest image
      size   = var.disk_gib
      type   = var.disk_type
      labels = merge(local.labels, { "kyc-instance" = each.key })
    }
  }

  dynamic "guest_accelerator" {
    for_each = var.accelerator_count > 0 ? [var.accelerator_type] : []
    content {
      type  = guest_accelerator.value
      count = var.accelerator_count
    }
  }

  network_interface {
    subnetwork = var.subnetwork
    dynamic "access_config" {
      for_each = var.public_ip ? [true] : []
      content {}
    }
  }

  # A Spot VM has to be preemptible and must not restart by itself, or the API refuses it.
  scheduling {
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    preemptible                 = var.spot
    automatic_restart           = !var.spot
    on_host_maintenance         = var.spot ? "TERMINATE" : var.on_host_maintenance
    instance_termination_action = var.spot ? var.interruption : null
  }

  dynamic "service_account" {
    for_each = var.service_account == "" ? [] : [var.service_account]
    content {
      email  = service_account.value
      scopes = ["cloud-platform"] # what it may do is said by its roles
    }
  }

  metadata = merge(
    { "user-data" = var.user_data[each.key], "block-project-ssh-keys" = "true" },
    var.ssh_public_key == "" ? {} : { "ssh-keys" = "kyc:${var.ssh_public_key}" },
  )

  # A deployment is never edited: an image family that moved on, or a master at another address, changes nothing.
  lifecycle {
    ignore_changes = all
  }
}

output "provider_ids" {
  value = { for key, instance in google_compute_instance.instance : key => instance.id }
}

output "addresses" {
  value = {
    for key, instance in google_compute_instance.instance : key => try(
      coalesce(instance.network_interface[0].access_config[0].nat_ip), # without a public address there is none
      instance.network_interface[0].network_ip,
    )
  }
}
