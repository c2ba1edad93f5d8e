"""What `regpipe bench` runs."""
