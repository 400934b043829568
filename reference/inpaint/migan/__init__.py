"""`migan`: the mobile inpainting generator of Sargsyan et al., ICCV 2023."""
