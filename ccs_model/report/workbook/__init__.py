"""The sheets of the workbook, one a file; workbook.SHEETS is their order."""
