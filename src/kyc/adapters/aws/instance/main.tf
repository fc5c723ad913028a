# The instances of one deployment: created together, never edited, destroyed one by one or whole. What they share with
# others (security group, key, subnets) is in ../shared. Credentials and endpoint come by the environment.

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

variable "instance_ids" {
  type        = set(string)
  description = "Our ids of the instances that are to exist."
}

variable "user_data" {
  type        = map(string)
  sensitive   = true
  description = "What each instance runs at its boot, by our ids."
}

variable "instance_type" {
  type = string
}

variable "spot" {
  type = bool
}

variable "max_price" {
  type        = string
  nullable    = true
  description = "USD an hour; null: up to the on-demand price."
}

variable "interruption_behavior" {
  type        = string
  description = "What AWS does to a spot instance that it takes away: terminate, stop or hibernate."
}

variable "zone" {
  type        = string
  nullable    = true
  description = "A zone's name, where no subnet says it; null: AWS chooses."
}

variable "subnet_id" {
  type     = string
  nullable = true
}

variable "security_group_ids" {
  type = list(string)
}

variable "key_name" {
  type     = string
  nullable = true
}

variable "public_address" {
  type = bool
}

variable "instance_profile" {
  type     = string
  nullable = true
}

variable "disk_gib" {
  type = number
}

variable "image_id" {
  type        = string
  nullable    = true
  description = "An image; null: the newest that image_name means."
}

variable "image_owner" {
  type = string
}

variable "image_name" {
  type = string
}

variable "architecture" {
  type = string
}

variable "tags" {
  type        = map(string)
  description = "On every instance and its disks; ours are among them."
}

provider "aws" {
  region = var.region
  # AWS answers "no capacity" with an HTTP 500, which would be tried again for up to an hour: we go on to the next offer.
  max_retries                 = 1
  skip_credentials_validation = true # the account was checked; each of these saves calls at every start
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

data "aws_ami" "newest" {
  count       = var.image_id == null && length(var.instance_ids) > 0 ? 1 : 0
  most_recent = true
  owners      = [var.image_owner]

  filter {
    name   = "name"
    values = [var.image_name]
  }

  filter {
    name   = "architecture"
    values = [var.architecture]
  }
}

resource "aws_instance" "this" {
  for_each = var.instance_ids

  ami                                  = var.image_id != null ? var.image_id : data.aws_ami.newest[0].id
  instance_type                        = var.instance_type
  availability_zone                    = var.subnet_id == null ? var.zone : null
  subnet_id                            = var.subnet_id
  vpc_security_group_ids               = var.security_group_ids
  associate_public_ip_address          = var.public_address
  key_name                             = var.key_name
  iam_instance_profile                 = var.instance_profile
  user_data                            = var.user_data[each.key]
  hibernation                          = var.interruption_behavior == "hibernate" ? true : null
  instance_initiated_shutdown_behavior = var.interruption_behavior == "terminate" ? "terminate" : "stop"
  tags                                 = merge(var.tags, { Name = each.key, kyc-instance = each.key })
  volume_tags                          = merge(var.tags, { Name = each.key, kyc-instance = each.key })

  dynamic "instance_market_options" {
    for_each = var.spot ? [var.interruption_behavior] : []
    content {
      market_type = "spot"
      spot_options {
        max_price                      = var.max_price
        spot_instance_type             = instance_market_options.value == "terminate" ? "one-time" : "persistent"
        instance_interruption_behavior = instance_market_options.value
      }
    }
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.disk_gib
    encrypted             = true
    delete_on_termination = true
  }

  # Two hops, so that containers reach it too; only with a token, so that nobody else is talked into reading it.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "disabled"
  }

  lifecycle {
    ignore_changes = all # what exists is never edited: a newer image or address counts for the next one
  }
}

output "provider_ids" {
  value = { for key, instance in aws_instance.this : key => instance.id }
}

output "addresses" {
  value = { for key, instance in aws_instance.this : key => instance.public_ip != "" ? instance.public_ip : instance.private_ip }
}
