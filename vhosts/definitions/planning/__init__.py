"""How an import is planned: object by object, by the rules of the broker that is to take it."""
