"""What things are: frozen values and one transition table for each state machine. No I/O, no clock."""
