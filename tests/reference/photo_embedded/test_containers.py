"""What each container states comes out as disparity, upright; photos made by hand."""

import struct
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.photo.embedded import find_embedded_depth, search_embedded_depth
from ldikit.reference.photo.embedded import heic as heic_reader
from ldikit.reference.photo.embedded.depth import Frame, UnusableError, of_linear_range
from PIL import Image, ImageOps


def test_apple_jpeg_is_disparity_from_min_to_max(make, write):
    depth = find_embedded_depth(write(make.apple_photo(make.disparity_aux(make.ramp()))))
    assert depth.source == "apple-jpeg" and depth.units == "m" and depth.matte is None
    assert (depth.near, depth.far) == (1 / 2.5, 1 / 0.5)
    assert depth.disparity.dtype == np.float32 and depth.disparity.shape == (24, 32)
    assert np.abs(depth.disparity - make.ramp() / 255).max() < 0.02


def test_apple_jpeg_in_either_byte_order_with_matte_and_what_is_neither(make, write):
    matte = np.zeros((24, 32), np.uint8)
    matte[:, 16:] = 255
    gain = make.apple_aux(255 - make.ramp(), AuxiliaryImageType="urn:com:apple:photo:2020:aux:hdrgainmap")
    people = make.apple_aux(matte, AuxiliaryImageType="urn:com:apple:photo:2018:aux:portraiteffectsmatte")
    preview = make.encoded(make.ramp(40, 60))
    for order in "<>":
        data = make.apple_photo(gain, preview, make.disparity_aux(make.ramp()), people, order=order)
        found = search_embedded_depth(write(data))
        assert found.notes == ()
        assert np.abs(found.depth.disparity - make.ramp() / 255).max() < 0.02
        assert np.abs(found.depth.matte - matte / 255).max() < 0.05
    assert search_embedded_depth(write(make.apple_photo(gain, preview, people))).depth is None


def test_apple_depth_is_inverted(make, write):
    aux = make.disparity_aux(make.ramp(), AuxiliaryImageType="depth", FloatMinValue=1, FloatMaxValue=3)
    depth = find_embedded_depth(write(make.apple_photo(aux)))
    distance = 1 + 2 * (make.ramp() / 255)
    assert (depth.near, depth.far, depth.units) == (1, 3, "m")
    assert np.abs(depth.disparity - (1 / distance - 1 / 3) / (1 - 1 / 3)).max() < 0.04


def test_linear_range_by_hand():
    depth = of_linear_range(np.array([[0.0, 0.5, 1.0]], np.float32), 1.0, 3.0)
    # 1/Z is 1, 1/2, 1/3; the range is 2/3 wide.
    assert np.allclose(depth.disparity, [[1.0, 0.25, 0.0]])
    for near, far in ((None, 1.0), (0.0, 1.0), (2.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(UnusableError, match="0 < near < far"):
            of_linear_range(np.zeros((1, 1), np.float32), near, far)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_photos_orientation_turns_the_map(make, write, orientation):
    grey = make.ramp()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(grey)
    stored.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(stored)) / 255
    for data in (
        make.apple_photo(make.disparity_aux(grey), orientation=orientation),
        make.gdepth_photo(make.encoded(255 - grey, "PNG"), orientation),
    ):
        disparity = find_embedded_depth(write(data)).disparity
        assert disparity.shape == expected.shape
        assert np.abs(disparity - expected).max() < 0.02


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PNG16", "RGB"])
def test_gdepth_range_inverse_of_8_and_16_bits(make, write, kind):
    grey = make.ramp()
    picture = {
        "PNG": lambda: make.encoded(grey, "PNG"),
        "JPEG": lambda: make.encoded(grey),
        "PNG16": lambda: make.encoded(grey.astype(np.uint16) * 257 - (grey == 100), "PNG"),
        "RGB": lambda: make.encoded(np.repeat(grey[..., None], 3, 2), "PNG"),
    }[kind]()
    depth = find_embedded_depth(write(make.gdepth_photo(picture, Units="m")))
    assert (depth.source, depth.near, depth.far, depth.units) == ("gdepth", 0.5, 10, "m")
    error = np.abs(depth.disparity - (1 - grey / 255))
    assert error.max() < (0.02 if kind == "JPEG" else 2e-5)
    if kind == "PNG16":
        assert (error[grey == 100] > 1e-5).all()  # a step of 16 bits is kept


def test_gdepth_range_linear(make, write):
    picture = make.encoded(make.ramp(), "PNG")
    depth = find_embedded_depth(write(make.gdepth_photo(picture, Format="RangeLinear", Near="2", Far="8")))
    distance = 2 + 6 * (make.ramp() / 255)
    assert np.abs(depth.disparity - (1 / distance - 1 / 8) / (1 / 2 - 1 / 8)).max() < 1e-6


def test_gdepth_in_segments_in_any_order_without_padding(make, write):
    picture = make.encoded(np.random.default_rng(0).integers(0, 256, (24, 32), np.uint8), "PNG")
    depth = find_embedded_depth(write(make.extended_gdepth_photo(picture, 100)))
    assert (depth.near, depth.far, depth.units) == (1, 4, None)
    assert np.array_equal(
        np.rint(255 - 255 * depth.disparity).astype(np.uint8),
        np.random.default_rng(0).integers(0, 256, (24, 32), np.uint8),
    )
    for drop in (0, 3):
        found = search_embedded_depth(write(make.extended_gdepth_photo(picture, 100, drop)))
        assert found.depth is None and "extended XMP is incomplete" in found.notes[0]


@pytest.mark.parametrize("name", ["photo.heic", "photo.png", "photo"])
def test_the_content_decides_not_the_name(make, write, name):
    assert find_embedded_depth(write(make.apple_photo(make.disparity_aux(make.ramp())), name)) is not None


def test_photos_without_depth(make, write):
    assert search_embedded_depth(write(make.photo_bytes())) == search_embedded_depth(
        write(make.encoded(make.ramp(), "PNG"))
    )
    assert search_embedded_depth(write(make.photo_bytes())).notes == ()


def test_what_is_no_file_is_an_input_error(tmp_path, write):
    for path in (tmp_path / "missing.jpg", tmp_path, write(b"")):
        with pytest.raises(InputError):
            find_embedded_depth(path)


def note(make, write, data):
    found = search_embedded_depth(write(data))
    assert found.depth is None and len(found.notes) == 1
    assert found.notes[0].startswith("the depth that the photo carries was left unused: ")
    assert "\n" not in found.notes[0]
    return found.notes[0]


def test_bad_maps_are_notes(make, write):
    png = make.encoded(make.ramp(), "PNG")
    assert "same everywhere" in note(make, write, make.gdepth_photo(make.encoded(make.ramp() * 0, "PNG")))
    assert "another shape" in note(make, write, make.gdepth_photo(make.encoded(make.ramp(24, 24), "PNG")))
    assert "at least 8" in note(make, write, make.gdepth_photo(make.encoded(make.ramp(6, 8), "PNG")))
    assert "unknown encoding 'Log'" in note(make, write, make.gdepth_photo(png, Format="Log"))
    assert "near None" in note(make, write, make.gdepth_photo(png, Format="RangeLinear", Near="nan"))
    assert "damaged" in note(make, write, make.gdepth_photo(png[:60]))
    assert "no base64" in note(make, write, make.gdepth_photo(png).replace(b'Data="iVBO', b'Data="i*BO'))
    fdep = int.from_bytes(b"fdep", "big")
    aux = make.disparity_aux(make.ramp(), StoredFormat=fdep)
    assert "unknown encoding 'fdep'" in note(make, write, make.apple_photo(aux))


def test_a_picture_of_another_kind_is_named(make, write):
    aux = make.apple_aux(make.ramp(), AuxiliaryImageType="urn:com:apple:photo:2031:aux:odour")
    found = search_embedded_depth(write(make.apple_photo(aux)))
    assert found.depth is None and "2031:aux:odour" in found.notes[0]


def test_a_bomb_is_refused_by_its_header(make, write):
    png = bytearray(make.encoded(make.ramp(), "PNG"))
    png[16:24] = struct.pack(">II", 40000, 30000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "left unused" in note(make, write, make.gdepth_photo(bytes(png)))


def test_damaged_xmp_and_entities_are_notes(make, write):
    whole = make.gdepth_photo(make.encoded(make.ramp(), "PNG"))
    assert "XMP metadata is damaged" in note(make, write, whole.replace(b"</rdf:RDF>", b"</rdf:RDX>"))
    assert "no UTF-8" in note(make, write, whole.replace(b"RangeInverse", b"RangeInvers\xff"))
    bomb = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    packet = f'{bomb}<d xmlns:g="http://ns.google.com/photos/1.0/depthmap/" g:Format="RangeInverse">&a;</d>'
    data = make.with_segment(make.photo_bytes(), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())
    assert "document type" in note(make, write, data)
    many = make.xmp_segment(make.photo_bytes(), "<!-- http://ns.google.com/photos/1.0/depthmap/ -->")
    assert search_embedded_depth(write(many)).depth is None


def test_xmp_of_too_many_elements_is_refused(make, write):
    from ldikit.reference.photo.embedded import xmp

    with pytest.raises(UnusableError, match="more elements"):
        xmp._parse(b"<a>" + b"<b/>" * 200_000 + b"</a>")


def test_an_index_that_points_outside_is_a_note(make, write):
    whole = make.apple_photo(make.disparity_aux(make.ramp()))
    assert "points beyond the file" in note(make, write, whole[:-10])
    shifted = whole.replace(b"MPF\0", b"MPF\0", 1)
    at = shifted.index(b"MPF\0") + 4 + 26 + 16 + 8  # the offset of the second picture
    nowhere = shifted[:at] + struct.pack(">I", 100) + shifted[at + 4 :]
    assert "points where none are" in note(make, write, nowhere)
    damaged = whole.replace(b"MPF\0MM", b"MPF\0XX")
    assert "(MPF) is damaged" in note(make, write, damaged)


class DepthImage:
    """What pillow-heif gives for a depth image."""

    def __init__(self, grey, **metadata):
        self.size, self.info, self.grey = grey.shape[::-1], {"metadata": metadata}, grey

    def to_pillow(self):
        return Image.fromarray(self.grey)


@pytest.mark.parametrize(
    ("stated", "expected", "near", "far"),
    [
        ({"representation_type": 1, "d_min": 0.5, "d_max": 2.0}, 0.2, 0.5, 2.0),
        ({"representation_type": 0, "z_near": 0.5, "z_far": 2.0}, 0.2, 0.5, 2.0),
        # 1.5 + 0.2 · 1.5 = 1.8; (1/1.8 − 1/3) / (1/1.5 − 1/3) = 2/3.
        ({"representation_type": 2, "z_near": 1.5, "z_far": 3.0}, 2 / 3, 1.5, 3.0),
    ],
)
def test_heic_representations(tmp_path, stated, expected, near, far):
    image = DepthImage(np.full((24, 32), 51, np.uint8), **stated)
    depth = heic_reader._depth(image, Frame(48, 64), tmp_path)
    assert np.allclose(depth.disparity, expected, atol=1e-6)
    assert (depth.near, depth.far) == (near, far) and depth.units == "m"


def test_heic_of_unknown_representation_or_size(tmp_path):
    grey = np.zeros((24, 32), np.uint8)
    for stated in ({"representation_type": 3}, {}):
        with pytest.raises(UnusableError, match="unknown encoding"):
            heic_reader._depth(DepthImage(grey, **stated), Frame(48, 64), tmp_path)
    huge = SimpleNamespace(size=(50000, 40000), info={"metadata": {"representation_type": 1}})
    with pytest.raises(UnusableError, match="megapixels"):
        heic_reader._depth(huge, Frame(40000, 50000), tmp_path)


def test_heic_auxiliary_pictures_that_call_themselves_depth_are_named():
    notes = []
    heic_reader._name_unknown(
        {"urn:x:aux:depth9": [1], "urn:com:apple:photo:2020:aux:hdrgainmap": [2]}, notes
    )
    assert len(notes) == 1 and "urn:x:aux:depth9" in notes[0]
