"""The programs that the graphics driver runs: surfaces with light and shadow, sky, and the final picture."""

VERTEX = """
#version 330
uniform mat4 model, view_projection, shadow_matrix;
in vec3 in_position; in vec3 in_normal; in vec2 in_uv;
out vec3 world, normal, object, object_normal; out vec2 uv; out vec4 shadow_place;
void main() {
    vec4 w = model * vec4(in_position, 1.0);
    world = w.xyz; uv = in_uv;
    mat3 m = mat3(model);
    normal = m * in_normal;
    object = in_position * length(m[1]); object_normal = in_normal;
    shadow_place = shadow_matrix * w;
    gl_Position = view_projection * w;
}
"""

SURFACE = """
#version 330
uniform sampler2D picture; uniform sampler2DShadow shadow;
uniform int mode;            // 0 colour only, 1 texture coordinates, 2 tiles of object space
uniform vec3 tint; uniform float cutoff, gloss, emission, bump, tile;
uniform vec3 eye, ahead;
uniform vec4 sun;            // direction to it (w 0) or place (w 1)
uniform vec3 sun_color, sky_color, ground_color, side, side_color;
uniform vec3 lamp_place[3], lamp_color[3];
uniform vec3 fog_color; uniform float fog, softness;
in vec3 world, normal, object, object_normal; in vec2 uv; in vec4 shadow_place;
layout(location = 0) out vec4 out_color;
layout(location = 1) out float out_disparity;

const vec2 disc[8] = vec2[8](vec2(-.33,-.73), vec2(.44,-.59), vec2(-.89,-.12), vec2(.07,-.14), vec2(.8,.03),
                             vec2(-.47,.45), vec2(.31,.52), vec2(-.08,.95));

float lit() {
    vec3 p = shadow_place.xyz / shadow_place.w * 0.5 + 0.5;
    if (shadow_place.w <= 0.0 || any(lessThan(p, vec3(0.0))) || any(greaterThan(p, vec3(1.0)))) return 1.0;
    // The four samples of a pixel turn the disc by a sixteenth each: 32 taps together, without noise.
    float turn = dot(mod(floor(gl_FragCoord.xy), 2.0), vec2(1.0, 2.0)) * 0.39;
    mat2 r = mat2(cos(turn), sin(turn), -sin(turn), cos(turn)) * softness;
    float s = 0.0;
    for (int i = 0; i < 8; i++) s += texture(shadow, vec3(p.xy + r * disc[i], p.z));
    return s / 8.0;
}

void main() {
    vec3 n = normalize(normal);
    vec3 to_eye = normalize(eye - world);
    if (dot(n, to_eye) < 0.0) n = -n;
    vec4 base = vec4(1.0);
    if (mode == 1) base = texture(picture, uv, -0.6);
    if (mode == 2) {
        vec3 a = abs(object_normal);
        vec3 o = object / tile;
        vec3 dx = clamp(dFdx(o) * 0.65, -1e3, 1e3), dy = clamp(dFdy(o) * 0.65, -1e3, 1e3);
        if (a.y > a.x && a.y > a.z) base = textureGrad(picture, o.xz, dx.xz, dy.xz);
        else if (a.x > a.z) base = textureGrad(picture, o.zy, dx.zy, dy.zy);
        else base = textureGrad(picture, o.xy, dx.xy, dy.xy);
    }
    if (base.a < cutoff) discard;
    if (bump > 0.0) {            // height from brightness (Mikkelsen 2010)
        float h = dot(base.rgb, vec3(0.3, 0.6, 0.1)) * bump;
        vec3 sx = dFdx(world), sy = dFdy(world);
        vec3 r1 = cross(sy, n), r2 = cross(n, sx);
        float det = dot(sx, r1);
        vec3 g = sign(det) * (dFdx(h) * r1 + dFdy(h) * r2);
        n = normalize(max(abs(det), 1e-9) * n - clamp(g, -abs(det), abs(det)));
    }
    vec3 albedo = pow(base.rgb * tint, vec3(2.2));
    vec3 light = mix(ground_color, sky_color, 0.5 + 0.5 * n.y);
    light += side_color * max(0.0, 0.3 + 0.7 * dot(n, side));
    vec3 l = sun.w > 0.5 ? sun.xyz - world : sun.xyz;
    float fall = sun.w > 0.5 ? 1.0 / (0.3 + dot(l, l)) : 1.0;
    l = normalize(l);
    float facing = max(dot(n, l), 0.0);
    vec3 shine = vec3(0.0);
    if (facing > 0.0) {
        vec3 direct = sun_color * fall * lit();
        light += direct * facing;
        shine += direct * pow(max(dot(n, normalize(l + to_eye)), 0.0), 40.0);
    }
    for (int i = 0; i < 3; i++) {
        vec3 d = lamp_place[i] - world; float far2 = dot(d, d); d *= inversesqrt(far2);
        vec3 c = lamp_color[i] / (0.3 + far2);
        light += c * (0.25 + 0.75 * max(dot(n, d), 0.0));
        shine += c * pow(max(dot(n, normalize(d + to_eye)), 0.0), 30.0);
    }
    vec3 mirrored = reflect(-to_eye, n);
    float rim = pow(1.0 - max(dot(n, to_eye), 0.0), 4.0);
    shine += mix(ground_color, sky_color, smoothstep(-0.3, 0.5, mirrored.y)) * (0.25 + rim);
    vec3 color = albedo * (light + emission) + shine * gloss;
    float depth = dot(world - eye, ahead);
    color = mix(fog_color, color, exp(-fog * distance(world, eye)));
    out_color = vec4(color, 1.0);
    out_disparity = 1.0 / max(depth, 1e-3);
}
"""

SHADOW = """
#version 330
uniform sampler2D picture; uniform int mode; uniform float cutoff;
in vec2 uv;
void main() { if (mode == 1 && cutoff > 0.0 && texture(picture, uv).a < cutoff) discard; }
"""

SCREEN = """
#version 330
in vec2 in_place; out vec2 place;
void main() { place = in_place; gl_Position = vec4(in_place, 1.0, 1.0); }
"""

SKY = """
#version 330
uniform mat4 to_world; uniform vec3 zenith, horizon, sun_side, sun_glow, cloud_color;
uniform float clouds, seed;
uniform sampler2D picture; uniform int mode; uniform vec4 crop;
in vec2 place;
layout(location = 0) out vec4 out_color;
layout(location = 1) out float out_disparity;
float hash(vec2 p) { return fract(sin(dot(p, vec2(127.1, 311.7)) + seed) * 43758.5453); }
float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
    float below = mix(hash(i), hash(i + vec2(1, 0)), f.x);
    return mix(below, mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}
void main() {
    vec4 far = to_world * vec4(place, 1.0, 1.0);
    vec3 d = normalize(far.xyz / far.w);
    vec3 c;
    if (mode == 1) {
        vec2 at = vec2(atan(d.x, -d.z) * 0.15915 * crop.x + crop.y, clamp(d.y * crop.z + crop.w, 0.01, 0.99));
        c = pow(texture(picture, at).rgb, vec3(2.2)) * zenith;
    } else {
        c = mix(horizon, zenith, pow(clamp(d.y * 1.3 + 0.02, 0.0, 1.0), 0.55));
        vec2 p = d.xz / max(d.y + 0.12, 0.05) * 1.3; float v = 0.0, a = 0.5;
        for (int i = 0; i < 5; i++) { v += a * noise(p); p = p * 2.1 + 3.7; a *= 0.5; }
        float cover = smoothstep(1.0 - clouds, 1.25 - clouds * 0.8, v + 0.25) * smoothstep(0.0, 0.15, d.y);
        c = mix(c, cloud_color * (0.75 + 0.5 * noise(p * 0.2)), cover);
    }
    float s = max(dot(d, sun_side), 0.0);
    c += sun_glow * (pow(s, 12.0) * 0.25 + pow(s, 400.0) * 4.0);
    out_color = vec4(c, 1.0);
    out_disparity = 0.0;
}
"""

FINISH = """
#version 330
uniform sampler2D picture, disparities; uniform ivec2 size; uniform float focal, reach, strength;
in vec2 place;
out vec4 result;
float pick(ivec2 p) {         // of the four samples of a pixel the second nearest: never a blend
    float a = texelFetch(disparities, p * 2, 0).r, b = texelFetch(disparities, p * 2 + ivec2(1, 0), 0).r;
    float c = texelFetch(disparities, p * 2 + ivec2(0, 1), 0).r, d = texelFetch(disparities, p * 2 + 1, 0).r;
    return max(max(min(a, b), min(c, d)), min(max(a, b), max(c, d)));
}
vec3 point(ivec2 p, float disparity) {
    return vec3((vec2(p) + 0.5 - vec2(size) * 0.5) / focal, -1.0) / max(disparity, 1e-6);
}
void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    vec3 c = vec3(0.0);
    for (int i = 0; i < 4; i++) {
        vec3 s = texelFetch(picture, p * 2 + ivec2(i & 1, i >> 1), 0).rgb;
        c += s / (1.0 + 0.15 * max(s.r, max(s.g, s.b)));
    }
    c *= 0.25;
    float disparity = pick(p);
    if (strength > 0.0 && disparity > 1e-3) {  // ambient occlusion (McGuire 2011, "Alchemy")
        vec3 o = point(p, disparity);
        vec3 l = o - point(p - ivec2(1, 0), pick(max(p - ivec2(1, 0), ivec2(0))));
        vec3 r = point(p + ivec2(1, 0), pick(min(p + ivec2(1, 0), size - 1))) - o;
        vec3 u = o - point(p - ivec2(0, 1), pick(max(p - ivec2(0, 1), ivec2(0))));
        vec3 v = point(p + ivec2(0, 1), pick(min(p + ivec2(0, 1), size - 1))) - o;
        vec3 dx = abs(l.z) < abs(r.z) ? l : r, dy = abs(u.z) < abs(v.z) ? u : v;
        vec3 n = normalize(cross(dx, dy));
        float radius = min(reach * focal * disparity, 40.0), sum = 0.0;
        float turn = fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.06711, 0.00584)))) * 6.2831;
        for (int i = 0; i < 12; i++) {
            float t = (float(i) + 0.5) / 12.0, angle = turn + float(i) * 2.4;
            ivec2 q = p + ivec2(vec2(cos(angle), sin(angle)) * radius * t);
            if (any(lessThan(q, ivec2(0))) || any(greaterThanEqual(q, size))) continue;
            vec3 w = point(q, pick(q)) - o;
            float far2 = dot(w, w);
            if (far2 > reach * reach * 2.0) continue;
            sum += max(0.0, dot(w, n) - 0.01 / disparity) / (far2 + 0.02 * reach * reach);
        }
        c *= max(0.25, 1.0 - strength * sum * reach / 6.0);
    }
    result = vec4(c, disparity);
}
"""
