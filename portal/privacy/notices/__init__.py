"""What guests are told about their data, in their language, with their ISP as the controller."""
