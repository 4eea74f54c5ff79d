"""Who handles data for an ISP: the register, and the gate that lets nothing out to anybody who is not in it."""
