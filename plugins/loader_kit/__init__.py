"""The toolkit for loader authors: adapter stack, decode loop, checkpoints. Public, like the contract."""
