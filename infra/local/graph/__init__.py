"""What the Graph sandbox is made of: pages, forms, leads, and how Graph speaks about them."""
