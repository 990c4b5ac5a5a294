"""pykv: an embeddable key-value storage engine."""
