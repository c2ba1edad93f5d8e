"""A data set as a whole: results as rows, held side by side; the page itself is app.py."""
