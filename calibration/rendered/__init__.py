"""Training images with exact disparity, drawn from models and photographs of free packages.

Nothing here is downloaded and no asset is part of ldikit: `docs/rendered-scenes.md` lists the packages, and
the user names the folder that holds them.
"""
