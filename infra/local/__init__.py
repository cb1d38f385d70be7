"""The whole of LeadRelay on one machine: an emulated AWS, a Contacts sandbox and a Pinterest sender."""
