// Depth of field: what view.frag.glsl saw (colour, disparity in alpha), blurred by its distance from the focal plane.
// A gather over a disc in golden-angle order. A sample counts where its own disc reaches the pixel; one that lies
// behind reaches no further than twice the pixel's own, so that a sharp foreground keeps its outline.
uniform sampler2D view;
uniform vec2 texel;     // size of a pixel of `view`
uniform float largest;  // radius in pixels at the greatest distance from the focal plane
uniform float plane;    // disparity in focus

in vec2 place;
out vec4 blurred;

const int SAMPLES = 56;
const float GOLDEN = 2.39996323;
const float SHARP = 0.03;  // disparities this close to the plane are in focus

float radius(float nearness) { return largest * max(abs(nearness - plane) - SHARP, 0.0); }

void main() {
  vec2 here = vec2(place.x, 1.0 - place.y);
  vec4 middle = texture(view, here);
  float own = radius(middle.a), reach = radius(plane > 0.5 ? 0.0 : 1.0);
  // Light adds up, not its code: squares stand for the transfer curve.
  vec3 sum = middle.rgb * middle.rgb;
  float total = 1.0;
  for (int i = 0; i < SAMPLES; ++i) {
    float distance = reach * sqrt((float(i) + 0.5) / float(SAMPLES));
    float angle = float(i) * GOLDEN;
    vec4 tap = texture(view, here + distance * texel * vec2(cos(angle), sin(angle)));
    float disc = radius(tap.a);
    if (tap.a < middle.a) disc = min(disc, 2.0 * own);
    float counts = smoothstep(distance - 0.5, distance + 0.5, disc);
    sum += mix(sum / total, tap.rgb * tap.rgb, counts);
    total += 1.0;
  }
  blurred = vec4(sqrt(sum / total), 1.0);
}
