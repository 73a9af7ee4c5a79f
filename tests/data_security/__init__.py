"""Proofs of docs/data-security.md, through a whole appliance."""
