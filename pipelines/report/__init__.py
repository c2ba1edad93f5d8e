"""The report: html, csv, json from finished artifacts only."""
