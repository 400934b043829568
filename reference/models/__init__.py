"""The model store: weights of published networks, fetched on demand, checked, and kept in a cache folder."""
