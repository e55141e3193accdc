"""Counties, and which of them each cell of an MNO serves."""
