"""The `regpipe` command: parse, call, print, exit status."""
