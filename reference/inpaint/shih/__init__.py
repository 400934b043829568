"""`shih`: the inpainting networks of Shih et al., CVPR 2020."""
