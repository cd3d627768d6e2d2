"""What a run shows: figures, workbook, page and exports."""
