# What the instances of one account share in one location: a group, a network with a subnet, and who may come in.

terraform {
  required_version = ">= 1.4"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.1, < 6.0"
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

variable "own_network" {
  type        = bool
  default     = true
  description = "Whether to make a network; else the instances are put where they are told to be."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "A subnet that exists already, by its resource id."
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
  rules = var.own_network ? sort(keys(var.admit)) : []
}

resource "azurerm_resource_group" "group" {
  name     = var.name
  location = var.location
  tags     = var.tags
}

resource "azurerm_virtual_network" "network" {
  count = var.own_network ? 1 : 0

  name                = var.name
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  address_space       = [var.ip_range]
  tags                = var.tags
}

resource "azurerm_subnet" "subnet" {
  count = var.own_network ? 1 : 0

  name                            = var.name
  resource_group_name             = azurerm_resource_group.group.name
  virtual_network_name            = azurerm_virtual_network.network[0].name
  address_prefixes                = [var.ip_range]
  default_outbound_access_enabled = true # instances without a public address dial out too
}

resource "azurerm_network_security_group" "firewall" {
  count = var.own_network ? 1 : 0

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
  count = var.own_network ? 1 : 0

  subnet_id                 = azurerm_subnet.subnet[0].id
  network_security_group_id = azurerm_network_security_group.firewall[0].id
}

output "resource_group" {
  value = azurerm_resource_group.group.name
}

output "subnet_id" {
  value = var.own_network ? azurerm_subnet.subnet[0].id : var.subnet_id
}
