"""The register of processors, and the gate before every call to the outside."""
