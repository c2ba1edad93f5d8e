"""From photographs of an object on a printed board to a capture: cameras by the board, masks by what is not the board."""
