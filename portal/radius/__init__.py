"""What FreeRADIUS calls: may this device be online, what has it used, and whose packets are these."""
