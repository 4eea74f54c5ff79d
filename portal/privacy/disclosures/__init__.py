"""What is handed to authorities under lawful orders: just the rows of the order, with a register of each."""
