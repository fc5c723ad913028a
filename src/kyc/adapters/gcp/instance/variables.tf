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

variable "zone" {
  type = string
}

variable "machine_type" {
  type = string
}

variable "spot" {
  type = bool
}

variable "interruption" {
  type        = string
  default     = "DELETE"
  description = "What becomes of a Spot VM that is taken away: DELETE, or STOP, which keeps and bills its disk."
}

variable "on_host_maintenance" {
  type        = string
  default     = "MIGRATE"
  description = "What becomes of an on-demand VM when its host is serviced; TERMINATE for types that cannot migrate."
}

variable "image" {
  type        = string
  description = "An image, or a family of them: projects/PROJECT/global/images/family/FAMILY."
}

variable "disk_gib" {
  type    = number
  default = 30
}

variable "disk_type" {
  type    = string
  default = "pd-balanced"
}

variable "accelerator_type" {
  type        = string
  default     = ""
  description = "A GPU to attach; types that have their own (a2, a3, g2) need none."
}

variable "accelerator_count" {
  type    = number
  default = 0
}

variable "subnetwork" {
  type = string
}

variable "network_tag" {
  type        = string
  description = "The tag that the shared firewall rules are for."
}

variable "public_ip" {
  type    = bool
  default = true
}

variable "service_account" {
  type        = string
  default     = ""
  description = "E-mail of the service account whose rights the work gets; none by default."
}

variable "ssh_public_key" {
  type    = string
  default = ""
}

variable "labels" {
  type    = map(string)
  default = {}
}

variable "user_data" {
  type      = map(string)
  sensitive = true
}
