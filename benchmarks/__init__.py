"""How fast Bando is, beside what the machine and the line could do at best; `python -m benchmarks` runs it all."""
