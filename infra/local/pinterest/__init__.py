"""What the Pinterest sandbox is made of: its server, tokens, ad accounts, ads, forms, subscriptions and exports."""
