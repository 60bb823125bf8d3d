"""How well weights find people."""
