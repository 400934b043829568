"""The model store: published networks whose weights are fetched on demand, checked and kept in a cache folder."""
