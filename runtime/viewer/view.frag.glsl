// What a camera sees of the layers: the splat of reference/render/splat.py, gathered for each pixel of the target.
//
// There, every source pixel is laid down as a hat around its place, front to back along the camera's direction.
// Here, a target walks over the same source columns in the same order and takes the hats that cover it, until it is
// full. "Along" is the axis that the camera moves along more (columns or rows), "across" the other. No triangle is
// stretched over a depth edge, since a link longer than TEAR pixels lets go.
//
// The source pixels that can cover a target lie on one line (its epipolar line): at distance `a` along, disparity is
// focus + (a − target) / shift, which says how far across. `bounds` tells which disparities are near at all, so that
// on most of a photo the walk is a few steps.
uniform highp usampler2DArray disparity;  // codes; texel (x, y, layer / 4), channel layer % 4
uniform sampler2DArray colors;            // RGB and occupancy, not multiplied; texel (x, y, layer)
uniform sampler2D backdrop;               // what to paint where nothing is
uniform sampler2D bounds;                 // largest and smallest disparity within reach, one texel a tile
uniform ivec2 size;                       // of a layer
uniform vec2 shift;                       // pixels that a unit of disparity moves to the left and upwards
uniform float zoom;
uniform float focus;                      // disparity that stays where it is
uniform ivec2 tiles;                      // of `bounds`: pixels a tile, first row of the table that is wide enough
uniform uint shown;                       // bit k: layer k is shown
uniform int mode;                         // 0 colour, 1 disparity as colour, 2 disparity in red and green
uniform float grid;                       // pixels between the lines drawn on the surfaces; 0 draws none
uniform bool fill;                        // paint what no layer covers

in vec2 place;
out vec4 seen;

const float TEAR = 1.0;
const float TEAR_END = 1.5;
const float NARROWEST = 0.25;
const float HOLE = 0.5;
const float EDGE = 0.9995;  // a hat's weight is nothing at 1
const float FULL = 0.998;
const float EMPTY = 1.0;  // stands for the disparity of a hidden layer where there is none of it
const int SLICES = (LAYERS + 3) / 4;
// Source pixels across, at each step along, that may cover a target.
const int ROWS = 4;

struct Seen {
  vec4 color;      // RGB × coverage, coverage
  float nearness;  // disparity × coverage
  float hidden;    // coverage by hidden layers
  vec2 source;     // source pixel × coverage
};

float decode(uint code) { return float(code) * (1.0 / 65535.0); }

float hat(float distance, float step, bool torn) {
  float link = torn ? 0.0 : clamp((TEAR_END - abs(step)) / (TEAR_END - TEAR), 0.0, 1.0);
  float joined = max(0.0, 1.0 - distance / max(1.0 + step, NARROWEST));
  return mix(max(0.0, 1.0 - distance), joined, link);
}

// One axis of a source pixel's hat over the target at `off` from its place.
float side(ivec2 p, ivec2 axis, int layer, float here, float off, float shift, int end, int at) {
  int way = off >= 0.0 ? 1 : -1;
  int next = at + way;
  bool torn = next < 0 || next >= end;
  ivec2 q = torn ? p : p + way * axis;
  float beside = decode(texelFetch(disparity, ivec3(q, layer / 4), 0)[layer % 4]);
  return hat(abs(off), float(way) * shift * (here - beside), torn);
}

void lay(ivec2 p, int layer, float here, vec2 target, inout Seen sum) {
  vec2 off = target - (vec2(p) - shift * (here - focus));
  if (max(abs(off.x), abs(off.y)) >= 1.0 + TEAR_END) return;
  vec4 texel = texelFetch(colors, ivec3(p, layer), 0);
  if (texel.a <= 0.0) return;
  float weight = side(p, ivec2(1, 0), layer, here, off.x, shift.x, size.x, p.x);
  if (weight <= 0.0) return;
  weight *= side(p, ivec2(0, 1), layer, here, off.y, shift.y, size.y, p.y);
  if (weight <= 0.0) return;
  weight = min(weight * texel.a, 1.0 - sum.color.a);
  sum.color += weight * vec4(texel.rgb, 1.0);
  sum.nearness += weight * here;
  sum.source += weight * vec2(p);
  if (layer > 0) sum.hidden += weight;
}

// The walk: which axis is along, how fast and how slanted, which source pixels of a column may cover the target.
struct Walk {
  vec2 target;
  ivec2 axis, across;
  float along, beside;  // of the target
  float speed, lean;    // shift along; across for each pixel along
  float width, reach;   // farthest that a hat covers, along and across
  vec2 limits;          // of the way across
  int end;              // size across
};

ivec2 rows(Walk walk, int at) {
  float middle = walk.beside + clamp((float(at) - walk.along) * walk.lean, walk.limits.x, walk.limits.y);
  int from = max(int(ceil(middle - walk.reach)), 0);
  return ivec2(from, min(min(int(floor(middle + walk.reach)), from + ROWS - 1), walk.end - 1));
}

// Whether the front layer, and any hidden one, may cover the target from this column: one fetch for four layers.
bvec2 scan(Walk walk, int at) {
  ivec2 within = rows(walk, at);
  bvec2 found = bvec2(false);
  float off = float(at) - walk.along + walk.speed * focus;
  for (int row = within.x; row <= within.y; ++row) {
    for (int slice = 0; slice < SLICES; ++slice) {
      vec4 here = vec4(texelFetch(disparity, ivec3(at * walk.axis + row * walk.across, slice), 0)) * (1.0 / 65535.0);
      bvec4 hit = lessThan(abs(off - walk.speed * here), vec4(walk.width));
      hit = bvec4(hit.x && (slice == 0 || here.x < EMPTY), hit.y && here.y < EMPTY, hit.z && here.z < EMPTY,
                  hit.w && here.w < EMPTY);
      found.x = found.x || slice == 0 && hit.x;
      found.y = found.y || slice > 0 && hit.x || any(hit.yzw);
    }
  }
  return found;
}

void layColumn(Walk walk, int at, int from, int end, inout Seen sum) {
  ivec2 within = rows(walk, at);
  for (int row = within.x; row <= within.y; ++row) {
    ivec2 p = at * walk.axis + row * walk.across;
    for (int layer = from; layer < end; ++layer) {
      if ((shown >> layer & 1u) == 0u) continue;
      lay(p, layer, decode(texelFetch(disparity, ivec3(p, layer / 4), 0)[layer % 4]), walk.target, sum);
    }
  }
}

// Inferno (van der Walt and Smith, 2015; CC0) as a polynomial of degree 6, by Matt Zucker (CC0).
vec3 inferno(float t) {
  const vec3 c0 = vec3(0.0002189, 0.0016510, -0.0194809), c1 = vec3(0.1065134, 0.5639564, 3.9327123);
  const vec3 c2 = vec3(11.6024931, -3.9728540, -15.9423941), c3 = vec3(-41.7039961, 17.4363989, 44.3541452);
  const vec3 c4 = vec3(77.1629357, -33.4023589, -81.8073093), c5 = vec3(-71.3194282, 32.6260643, 73.2095199);
  const vec3 c6 = vec3(25.1311262, -12.2426690, -23.0703250);
  return clamp(c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6))))), 0.0, 1.0);
}

void main() {
  vec2 middle = 0.5 * vec2(size - 1);
  vec2 target = middle + (place * vec2(size) - 0.5 - middle) / zoom;

  ivec2 tile = clamp(ivec2(target + 0.5), ivec2(0), size - 1) / tiles.x;
  vec2 range = vec2(1.0, 0.0);
  if (tiles.y >= 0) range = texelFetch(bounds, tile + ivec2(0, tiles.y), 0).rg;
  Seen sum = Seen(vec4(0.0), 0.0, 0.0, vec2(0.0));

  Walk walk;
  bool columns = abs(shift.x) >= abs(shift.y);
  walk.target = target;
  walk.axis = columns ? ivec2(1, 0) : ivec2(0, 1);
  walk.across = 1 - walk.axis;
  walk.along = columns ? target.x : target.y;
  walk.beside = columns ? target.y : target.x;
  walk.end = columns ? size.y : size.x;
  walk.speed = columns ? shift.x : shift.y;
  float slant = columns ? shift.y : shift.x;
  walk.lean = walk.speed == 0.0 ? 0.0 : slant / walk.speed;
  // A hat is one pixel wide, and as much wider as a held link is longer.
  float spread = max(range.x - range.y, 0.0);
  walk.width = EDGE + min(TEAR_END, abs(walk.speed) * spread);
  walk.reach = EDGE + min(TEAR_END, abs(slant) * spread) + min(abs(walk.lean), abs(slant) * spread);
  walk.reach = min(walk.reach, 0.5 * float(ROWS));
  walk.limits = slant * (vec2(range.y, range.x) - focus);
  walk.limits = vec2(min(walk.limits.x, walk.limits.y), max(walk.limits.x, walk.limits.y));
  float far = walk.along + walk.speed * (range.y - focus), near = walk.along + walk.speed * (range.x - focus);
  int low = max(int(ceil(min(far, near) - walk.width)), 0);
  int high = min(int(floor(max(far, near) + walk.width)), (columns ? size.x : size.y) - 1);
  int way = walk.speed > 0.0 ? -1 : 1;
  int at = way > 0 ? low : high;

  // Hidden layers come one column late: where they are level with the layer in front, that one is seen.
  bool behind = false;
  for (int i = 0; i <= high - low && range.x >= range.y && sum.color.a < FULL; ++i) {
    bvec2 found = scan(walk, at);
    if (found.x) layColumn(walk, at, 0, 1, sum);
    if (LAYERS > 1 && behind) layColumn(walk, at - way, 1, LAYERS, sum);
    behind = found.y;
    at += way;
  }
  if (LAYERS > 1 && behind && sum.color.a < FULL) layColumn(walk, at - way, 1, LAYERS, sum);

  float coverage = min(sum.color.a, 1.0);
  float known = max(coverage, 1e-4);
  float nearness = coverage > 0.0 ? sum.nearness / known : range.y;
  vec3 color = sum.color.rgb / max(coverage, HOLE);
  if (fill && coverage < 1.0) {
    vec2 behind_all = (target + shift * (range.y - focus) + 0.5) / vec2(size);
    color = sum.color.rgb + (1.0 - coverage) * texture(backdrop, behind_all).rgb;
  }
  if (mode == 1) color = inferno(nearness) * (fill ? 1.0 : smoothstep(0.0, HOLE, coverage));
  if (grid > 0.0) {
    vec2 cell = abs(fract(sum.source / known / grid) - 0.5) * grid;
    float pixel = length(dFdx(target));  // of the screen, in pixels of the source
    float line = 0.85 * smoothstep(1.3, 0.5, (0.5 * grid - max(cell.x, cell.y)) / pixel);
    vec3 ink = mix(vec3(0.45, 0.95, 1.0), vec3(1.0, 0.62, 0.2), smoothstep(0.3, 0.7, sum.hidden / known));
    color = mix(color * 0.75, ink, line * coverage);
  }
  seen = vec4(color, nearness);
  if (mode == 2) {
    float code = floor(nearness * 65535.0 + 0.5);
    seen = vec4(floor(code / 256.0) / 255.0, mod(code, 256.0) / 255.0, coverage, 1.0);
  }
}
