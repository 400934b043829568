"""Delegate readiness: which operations of a bundle's files a phone's accelerators are known to take."""
