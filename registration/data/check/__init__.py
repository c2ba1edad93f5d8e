"""What is good and bad about a capture, before minutes are spent on it."""
