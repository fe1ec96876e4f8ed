"""Credentials in URLs are masked, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.credentials import mask_credentials, refuse_credentials
from diptych.models.errors import OptionsError
from tests.hostile_texts import SECRET


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"https://me:{SECRET}@host/a.jpg", "https://***@host/a.jpg"),
        (f"https://{SECRET}@host/a.jpg", "https://***@host/a.jpg"),
        (f"https://me:p@{SECRET}@host/a.jpg", "https://***@host/a.jpg"),
        (f"https://me:p#{SECRET}/?@host/a.jpg", "https://***@host/a.jpg"),
        (f"s3://AKIA0:{SECRET}@bucket/key", "s3://***@bucket/key"),
        (
            f"https://h/a?X-Amz-Date=2&X-Amz-Signature={SECRET}&v=1",
            "https://h/a?X-Amz-Date=***&X-Amz-Signature=***&v=1",
        ),
        (
            f"https://h/a?Expires=9&Signature={SECRET}&AWSAccessKeyId=A",
            "https://h/a?Expires=***&Signature=***&AWSAccessKeyId=***",
        ),
        (f"https://h/a?X-Goog-Credential={SECRET}", "https://h/a?X-Goog-Credential=***"),
        (f"https://h/a?sv=2&se=3&sig={SECRET}&width=9", "https://h/a?sv=***&se=***&sig=***&width=9"),
        (f"https://h/a?%73ig={SECRET}", "https://h/a?%73ig=***"),
        (f"https://h/a?api_key={SECRET}#top", "https://h/a?api_key=***#top"),
        (f"https://h/a#access_token={SECRET}", "https://h/a#access_token=***"),
        (f"a.jpg?token={SECRET}", "a.jpg?token=***"),
        (f"cannot read 'https://h/a?token={SECRET}': gone", "cannot read 'https://h/a?token=***': gone"),
        (f"https://h/?next=https://me:{SECRET}@h/", "https://h/?next=https://***@h/"),
    ],
)
def test_each_kind_of_credential_is_masked(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@2x.jpg",
        "https://host/a.jpg?width=3&se=4&st=5",
        "abfs://container@account.dfs.core.windows.net/a.jpg",
        "gs://bucket/{SPAN}/*.csv",
        "mail me@host.com, https://host",
        "what? key=value",
        "a token=1 without a question",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert mask_credentials(text) == text
    assert refuse_credentials(text) == text


PARTS = st.text(st.characters(blacklist_categories=("Cs", "Z", "C"), blacklist_characters="/?#'\"<>@&;=:%"), min_size=1)


@given(PARTS, PARTS, PARTS, st.sampled_from(["https", "s3", "minio", "sftp"]))
def test_no_password_and_no_signature_is_left_of_a_url(user: str, path: str, other: str, scheme: str) -> None:
    masked = mask_credentials(f"{scheme}://{user}:{SECRET}@host/{path}?a={other}&X-Amz-Signature={SECRET}&b=1")
    assert SECRET not in masked
    assert masked.startswith(f"{scheme}://***@host/{path}?a={other}&")
    assert mask_credentials(masked) == masked


def test_a_url_that_is_signed_anew_stays_the_same() -> None:
    query = "a/b.jpg?X-Amz-Date={0}&X-Amz-Expires={0}&X-Amz-Credential={0}&X-Amz-Signature={0}"
    assert len({mask_credentials(query.format(day)) for day in ("1", "2")}) == 1


def test_settings_are_told_where_credentials_belong() -> None:
    with pytest.raises(OptionsError, match=r"https://\*\*\*@host/a.csv' holds credentials.*~/.netrc") as caught:
        refuse_credentials(f"https://me:{SECRET}@host/a.csv")
    assert SECRET not in str(caught.value)
