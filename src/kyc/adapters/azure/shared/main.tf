# What the instances of one account share in one location: a group, a network with a subnet, and who may come in.

terraform {
  required_version = ">= 1.4"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0, < 6.0"
    }
  }
}

# Everything about the account comes by the environment; see the instances' module.
provider "azurerm" {
  resource_provider_registrations = "none"

  features {
    resource_group {
      prevent_deletion_if_contains_resources = false # what is left in it is an instance's, and goes with it
    }
  }
}

variable "name" {
  type        = string
  description = "The name of all that is made here: unique in the subscription."
}

variable "location" {
  type = string
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "A subnet that exists already, by its resource id; empty: make a network."
}

variable "ip_range" {
  type    = string
  default = "10.0.0.0/20"
}

variable "admit" {
  type        = map(object({ protocol = string, ports = set(string), ranges = set(string) }))
  default     = {}
  description = "Who may come in, by a name for each rule. All else from outside is refused; what goes out is not."
}

variable "tags" {
  type    = map(string)
  default = {}
}

locals {
  own   = var.subnet_id == ""
  rules = local.own ? sort(keys(var.admit)) : []
}

resource "azurerm_resource_group" "group" {
  name     = var.name
  location = var.location
  tags     = var.tags
}

resource "azurerm_virtual_network" "network" {
  count = local.own ? 1 : 0

  name                = var.name
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  address_space       = [var.ip_range]
  tags                = var.tags
}

resource "azurerm_subnet" "subnet" {
  count = local.own ? 1 : 0

  name                            = var.name
  resource_group_name             = azurerm_resource_group.group.name
  virtual_network_name            = azurerm_virtual_network.network[0].name
  address_prefixes                = [var.ip_range]
  default_outbound_access_enabled = true # instances without a public address dial out too
}

resource "azurerm_network_security_group" "firewall" {
  count = local.own ? 1 : 0

  name                = var.name
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_network_security_rule" "admit" {
  for_each = toset(local.rules)

  name                        = each.key
  resource_group_name         = azurerm_resource_group.group.name
  network_security_group_name = azurerm_network_security_group.firewall[0].name
  priority                    = 100 + index(local.rules, each.key)
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = title(var.admit[each.key].protocol)
  source_port_range           = "*"
  source_address_prefixes     = var.admit[each.key].ranges
  destination_port_ranges     = var.admit[each.key].ports
  destination_address_prefix  = "*"
}

# On the subnet rather than on each interface: an instance has one thing less to wait for.
resource "azurerm_subnet_network_security_group_association" "firewall" {
  count = local.own ? 1 : 0

  subnet_id                 = azurerm_subnet.subnet[0].id
  network_security_group_id = azurerm_network_security_group.firewall[0].id
}

output "resource_group" {
  value = azurerm_resource_group.group.name
}

output "subnet_id" {
  value = local.own ? azurerm_subnet.subnet[0].id : var.subnet_id
}
