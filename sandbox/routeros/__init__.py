"""A RouterOS device with a hotspot."""
