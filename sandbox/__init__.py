"""The world outside, as unpleasant as the real one: a RouterOS, phones, an internet and an M-Pesa."""
