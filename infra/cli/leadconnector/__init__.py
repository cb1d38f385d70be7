"""Other CRM locations whose contacts are leads."""
