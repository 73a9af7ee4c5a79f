"""Knowledge bases for the rest of the server: who may do what, reading documents in, searching them."""
