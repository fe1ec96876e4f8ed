"""The encoding of text, by its bytes."""

from __future__ import annotations

import codecs

import pytest

from diptych.pipeline.prepare.text_encoding import detect_encoding

TEXTS = {
    "cp1252": "une fenêtre fermée, à côté du café, schöne grüne Äpfel, el niño pequeño, “two” cups",
    "cp1251": "красный велосипед у стены, две чашки кофе",
    "cp1253": "κόκκινο ποδήλατο στον τοίχο",
    "cp932": "赤い自転車が壁にある、コーヒー二杯",
    "gb18030": "红色的自行车靠在墙上",
    "euc_kr": "벽에 기댄 빨간 자전거",
}


def table(text: str) -> str:
    return "image,description,label\n" + "".join(f"{number}.png,{text},{text[:7]}\n" for number in range(20))


@pytest.mark.parametrize("encoding", TEXTS)
def test_common_encodings_are_told_apart(encoding: str) -> None:
    assert detect_encoding(table(TEXTS[encoding]).encode(encoding)) == codecs.lookup(encoding).name


@pytest.mark.parametrize("text", TEXTS.values())
def test_utf_8_is_known_wherever_it_is_cut(text: str) -> None:
    content = table(text).encode()
    assert {detect_encoding(content[:length]) for length in range(len(content) - 30, len(content))} == {"utf-8"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(encoding: str) -> None:
    assert detect_encoding("ab".encode(encoding)) == encoding.removesuffix("-sig")


def test_one_bad_byte_makes_no_other_encoding() -> None:
    assert detect_encoding(table(TEXTS["cp1251"]).encode() + b"a.png,caf\xe9,c\n") == "utf-8"


@pytest.mark.parametrize("content", [b"", b"image,description,label\n"])
def test_plain_text_is_utf_8(content: bytes) -> None:
    assert detect_encoding(content) == "utf-8"


@pytest.mark.parametrize("content", [b"\xff", bytes(range(256)), b"\x81\x8d\x8f\x90\x9d" * 9])
def test_bytes_that_are_no_text_have_some_encoding(content: bytes) -> None:
    assert codecs.lookup(detect_encoding(content))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", TEXTS.values())
def test_utf_16_is_known_without_a_byte_order_mark(text: str, encoding: str) -> None:
    assert detect_encoding(table(text).encode(encoding)) == encoding


def test_a_few_zeros_do_not_make_utf_16() -> None:
    assert detect_encoding(b"image,label\n1.png,a\0\0b\n" * 9) == "utf-8"
