"""What the Pinterest sandbox is made of: its server, its tokens, its ads and leads, and its exports."""
