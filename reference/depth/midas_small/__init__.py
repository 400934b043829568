"""`midas-small`: the small depth network of MiDaS v2.1 (Ranftl et al., TPAMI 2022), as released.

An EfficientNet-Lite3 (`encoder`) and a decoder of residual units (`network`), with the names of the published
checkpoint `midas_v21_small_256.pt`, and around them the resizing and normalisation of photos.
"""
