"""What leaves the office: the run folder and the workbook."""
