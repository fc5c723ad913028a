"""How: one folder for each technology; none imports another, only wiring knows them."""
