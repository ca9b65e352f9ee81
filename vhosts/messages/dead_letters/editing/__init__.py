"""Edit one dead letter and publish the copy. The original stays."""
