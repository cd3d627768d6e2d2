"""What is measured and how fast it has to be: `python -m bench` from the project's root, a row a figure."""
