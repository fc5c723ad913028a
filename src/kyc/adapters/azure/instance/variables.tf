variable "instance_ids" {
  type        = set(string)
  description = "Our ids of the instances that are to exist."
}

variable "deployment_id" {
  type = string
}

variable "master_id" {
  type        = string
  description = "Which master the instances belong to."
}

variable "resource_group" {
  type = string
}

variable "location" {
  type = string
}

variable "zone" {
  type        = string
  default     = ""
  description = "1, 2 or 3; empty: Azure chooses."
}

variable "size" {
  type = string
}

variable "spot" {
  type = bool
}

variable "interruption" {
  type        = string
  default     = "Delete"
  description = "What becomes of a spot machine that is evicted: Delete, or Deallocate, which keeps and bills its disk."
}

variable "max_price" {
  type        = number
  default     = -1
  description = "US dollars an hour beyond which a spot machine is evicted; -1: never for its price."
}

variable "image" {
  type        = object({ publisher = string, offer = string, sku = string, version = string })
  default     = null
  description = "An image of the market; its version may be latest."
}

variable "image_id" {
  type        = string
  default     = ""
  description = "An image's resource id, in place of `image`."
}

variable "disk_gib" {
  type    = number
  default = 30
}

variable "disk_type" {
  type    = string
  default = "StandardSSD_LRS"
}

variable "subnet_id" {
  type = string
}

variable "public_ip" {
  type    = bool
  default = true
}

variable "identity_id" {
  type        = string
  default     = ""
  description = "Resource id of the managed identity whose rights the work gets; none by default."
}

variable "ssh_public_key" {
  type        = string
  description = "Azure makes no Linux machine without one."
}

variable "tags" {
  type    = map(string)
  default = {}
}

variable "user_data" {
  type      = map(string)
  sensitive = true
}
