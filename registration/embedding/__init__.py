"""Dense learned correspondences: an embedding of pixels, an embedding of surface points, and how they meet."""
