"""Plan an import object by object, by the rules of the target broker."""
