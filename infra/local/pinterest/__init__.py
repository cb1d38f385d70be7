"""What the Pinterest sandbox is made of: server, tokens, ad accounts, ads, forms, exports, conversion events."""
