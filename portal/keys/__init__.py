"""The keys of sealing: one or more for each ISP, wrapped by the master key, and exchanged while Bando serves.

Decision 37 says what is wrapped, what can be sealed anew, and why hashes cannot.
"""
