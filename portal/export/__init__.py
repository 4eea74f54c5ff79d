"""The records of an ISP as tables that leave: everything is read, nothing is changed."""
