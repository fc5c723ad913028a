# What the instances of one account share in one region: a security group and a key pair, and where the subnets are.
# Made once, ahead of need, and kept as long as anything stands on it. Credentials and endpoint come by the environment.

terraform {
  required_version = ">= 1.4"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40, < 7.0"
    }
  }
}

variable "region" {
  type = string
}

variable "name" {
  type        = string
  description = "What the names of all that is made here begin with."
}

variable "vpc_id" {
  type        = string
  nullable    = true
  description = "The network; null: the region's default one."
}

variable "public_key" {
  type        = string
  description = "The public half of the master's SSH key."
}

variable "ssh_from" {
  type        = list(string)
  description = "The address ranges from which SSH is admitted."
}

variable "services_from" {
  type        = list(string)
  description = "The address ranges from which requests to services are admitted; nothing else ever is."
}

variable "entrance_ports" {
  type        = list(number)
  description = "The first and the last port at which instances take those, by mutual TLS."
}

variable "tags" {
  type = map(string)
}

provider "aws" {
  region                      = var.region
  max_retries                 = 5
  skip_credentials_validation = true # the account was checked; each of these saves calls at every start
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

data "aws_vpc" "this" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "this" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }
}

data "aws_subnet" "this" {
  for_each = toset(data.aws_subnets.this.ids)
  id       = each.key
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Instances of Keep Your Cost: they call out, nobody but SSH and the edge of services calls in"
  vpc_id      = data.aws_vpc.this.id
  tags        = merge(var.tags, { Name = var.name })

  dynamic "ingress" {
    for_each = length(var.ssh_from) > 0 ? [var.ssh_from] : []
    content {
      description = "SSH from the master"
      protocol    = "tcp"
      from_port   = 22
      to_port     = 22
      cidr_blocks = ingress.value
    }
  }

  dynamic "ingress" {
    for_each = length(var.services_from) > 0 ? [var.services_from] : []
    content {
      description = "Services from the edge"
      protocol    = "tcp"
      from_port   = var.entrance_ports[0]
      to_port     = var.entrance_ports[1]
      cidr_blocks = ingress.value
    }
  }

  egress {
    description      = "Everything out"
    protocol         = "-1"
    from_port        = 0
    to_port          = 0
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_key_pair" "this" {
  key_name_prefix = "${var.name}-"
  public_key      = var.public_key
  tags            = var.tags
}

locals {
  # One subnet a zone: one that gives public addresses if there is one. Offers name zones by their ids, people by names.
  by_zone_id = { for one in values(data.aws_subnet.this) : one.availability_zone_id => "${one.map_public_ip_on_launch ? 0 : 1} ${one.id}"... }
  by_zone    = { for one in values(data.aws_subnet.this) : one.availability_zone => "${one.map_public_ip_on_launch ? 0 : 1} ${one.id}"... }
}

output "security_group_id" {
  value = aws_security_group.this.id
}

output "key_name" {
  value = aws_key_pair.this.key_name
}

output "subnets" {
  value = { for zone, found in merge(local.by_zone_id, local.by_zone) : zone => split(" ", sort(found)[0])[1] }
}
