"""CRM locations whose contacts are leads, or that tell what becomes of leads."""
