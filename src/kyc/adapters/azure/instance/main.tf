# Instances on Azure, all of one offer. What they share (group, network, security group) is made by ../shared.

# Before 4.1 azurerm takes no ed25519 key.
terraform {
  required_version = ">= 1.4"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.1, < 6.0"
    }
  }
}

# Credentials and endpoints come by the environment only: ARM_CLIENT_ID, ARM_CLIENT_SECRET, ARM_TENANT_ID,
# ARM_SUBSCRIPTION_ID, ARM_METADATA_HOSTNAME. Resource providers are registered once, by a person.
provider "azurerm" {
  resource_provider_registrations = "none"

  features {
    virtual_machine {
      delete_os_disk_on_deletion = true
    }
  }
}

locals {
  # By these the sweep knows a resource for ours: they are in the very request that makes it.
  tags = {
    for key in var.instance_ids : key => merge(var.tags, {
      "kyc-master"     = var.master_id
      "kyc-deployment" = var.deployment_id
      "kyc-instance"   = key
    })
  }
}

resource "azurerm_public_ip" "address" {
  for_each = var.public_ip ? var.instance_ids : toset([])

  name                = "kyc-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = local.tags[each.key]

  lifecycle {
    ignore_changes = all
  }
}

resource "azurerm_network_interface" "interface" {
  for_each = var.instance_ids

  name                = "kyc-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
  tags                = local.tags[each.key]

  ip_configuration {
    name                          = "primary"
    subnet_id                     = var.subnet_id
    private_ip_address_allocation = "Dynamic"
    public_ip_address_id          = var.public_ip ? azurerm_public_ip.address[each.key].id : null
  }

  lifecycle {
    ignore_changes = all
  }
}

resource "azurerm_linux_virtual_machine" "instance" {
  for_each = var.instance_ids

  name                = "kyc-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
  zone                = var.zone == "" ? null : var.zone
  size                = var.size
  tags                = local.tags[each.key]

  priority        = var.spot ? "Spot" : "Regular"
  eviction_policy = var.spot ? var.interruption : null
  max_bid_price   = var.spot ? var.max_price : null

  network_interface_ids           = [azurerm_network_interface.interface[each.key].id]
  admin_username                  = "kyc"
  disable_password_authentication = true
  custom_data                     = base64encode(var.user_data[each.key])

  admin_ssh_key {
    username   = "kyc"
    public_key = var.ssh_public_key
  }

  os_disk {
    name                 = "kyc-${each.key}"
    caching              = "ReadWrite"
    storage_account_type = var.disk_type
    disk_size_gb         = var.disk_gib
  }

  source_image_id = var.image_id == "" ? null : var.image_id

  dynamic "source_image_reference" {
    for_each = var.image_id == "" ? [var.image] : []
    content {
      publisher = source_image_reference.value.publisher
      offer     = source_image_reference.value.offer
      sku       = source_image_reference.value.sku
      version   = source_image_reference.value.version
    }
  }

  dynamic "identity" {
    for_each = var.identity_id == "" ? [] : [var.identity_id]
    content {
      type         = "UserAssigned"
      identity_ids = [identity.value]
    }
  }

  # A deployment is never edited: a master at another address changes nothing. Here it would even replace the machine.
  lifecycle {
    ignore_changes = all
  }
}

# In lower case, since Azure itself is not of one mind about the case of its ids.
output "provider_ids" {
  value = { for key, instance in azurerm_linux_virtual_machine.instance : key => lower(instance.id) }
}

output "addresses" {
  value = {
    for key, interface in azurerm_network_interface.interface : key => (
      var.public_ip ? azurerm_public_ip.address[key].ip_address : interface.private_ip_address
    )
  }
}
