// Once at the start: decoded pictures to the textures that view.frag.glsl reads.
// COLOR: RGB of one picture with the occupancy of another as alpha. Otherwise the 16-bit disparity codes of four
// layers to one texel. texelFetch throughout: nothing is filtered, so every code arrives as it was written.
uniform sampler2D colors;
uniform sampler2D geometry[4];

#ifdef COLOR
out vec4 packed;
#else
out uvec4 packed;
uint code(vec4 bytes) {
  uvec2 b = uvec2(bytes.rg * 255.0 + 0.5);
  return b.x * 256u + b.y;
}
#endif

void main() {
  ivec2 p = ivec2(gl_FragCoord.xy);
#ifdef COLOR
  packed = vec4(texelFetch(colors, p, 0).rgb, texelFetch(geometry[0], p, 0).b);
#else
  packed = uvec4(code(texelFetch(geometry[0], p, 0)), code(texelFetch(geometry[1], p, 0)),
                 code(texelFetch(geometry[2], p, 0)), code(texelFetch(geometry[3], p, 0)));
#endif
}
