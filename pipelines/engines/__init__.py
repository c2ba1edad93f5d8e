"""Who carries out the stages of many objects: worker processes here, or a Ray cluster."""
