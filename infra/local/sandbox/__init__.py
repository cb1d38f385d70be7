"""A stand-in for the Contacts API, as strict as the documented one, for laptops and tests."""
