"""What staff did, in a chain that tells when it was touched."""
