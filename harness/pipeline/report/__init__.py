"""Shows a summary of the lakehouse: tables for the terminal, one HTML file for everything else."""
