"""The product: stages as a DAG, the artifact store, the report, the `regpipe` command."""
