"""What ghostpose costs and carries, measured on this machine, beside what it is compared with."""
