"""What people may ask of an ISP about their data: requests with due dates and evidence, and restrictions."""
