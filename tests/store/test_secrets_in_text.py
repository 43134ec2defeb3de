"""Secrets are found by their names and shapes, in every text, and nothing else is taken out."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results import recorded_run
from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.store.secrets_in_text import (
    REDACTED,
    holds_token,
    is_secret_name,
    redact_command,
    secret_values,
    without_secrets,
)

SECRET_NAMES = (
    *("password", "passwd", "pwd", "secret", "token", "api_key", "api-key", "apiKey", "APIKEY", "access_key"),
    *("private_key", "auth", "bearer", "cookie", "credential", "db_password", "PGPASSWORD", "userPassword"),
    *("AWS_SECRET_ACCESS_KEY", "X-Api-Key", "client_secret", "accessToken", "authtoken", "aws_credentials"),
    *("session_cookie", "Authorization", "password2"),
)
OTHER_NAMES = (
    *("low_pass", "pass_band", "pass", "pat", "key", "otp", "sas", "sig", "signature", "n_tokens", "max_tokens"),
    *("max_token_length", "tokenizer", "tokens", "author", "authors", "secretary", "key_points", "keys", "pattern"),
    *("passes", "design", "keep", "compass", "monkey", "fold", "cookiecutter", "band", "cls_token", "token_dim"),
    *("pad_token", "high_pass", "user_passes"),
)
MIXED = "Fake0Token1Abcd2Efgh3Ijkl4Mnop5Qrst6Uvwx7Yz8Fake0Token1Abcd2Efgh3Ijkl4Mnop5Qrst6Uvwx7Yz8"
TOKENS = {
    **{f"GitHub {kind}": f"gh{kind}_{MIXED[:36]}" for kind in "pousr"},
    "GitHub, fine-grained": f"github_pat_{MIXED[:22]}_{MIXED[:59]}",
    "GitLab": f"glpat-{MIXED[:20]}",
    "GitLab, deploy": f"gldt-{MIXED[:20]}",
    "Hugging Face": "hf_" + "FakeTokenAbcdEfghIjklMnopQrstUvwxYz"[:34],
    "Slack": f"xoxb-123456789012-123456789012-{MIXED[:24]}",
    "AWS": "AKIAFAKEFAKE01234567",
    "AWS, temporary": "ASIAFAKEFAKE01234567",
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmYWtlLWZha2UtZmFrZSJ9.{MIXED[:43]}",
    "JWE": ".".join(["eyJhbGciOiJSU0EtT0FFUCJ9", *[MIXED[:30]] * 4]),
    "JWE, direct": f"eyJhbGciOiJkaXIifQ..{MIXED[:16]}.{MIXED[:40]}.{MIXED[:22]}",
    "Slack, web hook": f"hooks.slack.com/services/T00000000/B00000000/{MIXED[:24]}",
    "Google": f"AIza{MIXED[:35]}",
    "OpenAI": f"sk-proj-{MIXED[:48]}",
    "npm": f"npm_{MIXED[:36]}",
    "PyPI": f"pypi-{MIXED[:70]}",
    "PEM": f"-----BEGIN RSA PRIVATE KEY-----\n{MIXED[:64]}\n{MIXED[:40]}\n-----END RSA PRIVATE KEY-----",
    "PEM in a repr": f"-----BEGIN PRIVATE KEY-----\\n{MIXED[:64]}\\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name):
    """A name is secret-looking by its whole words, however they are joined."""
    assert is_secret_name(name)
    assert without_secrets(f"f({name}=hunter2, host=gaitdb)") == f"f({name}={REDACTED}, host=gaitdb)"


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_of_parameters(name):
    """Parameters that only resemble secrets, and counts of tokens, stay in every form of text."""
    assert not is_secret_name(name)
    for text in (f"f({name}=12)", f"f({name}='acc')", f"{{'{name}': 12}}", f"{name}: acc", f'{{"{name}": "acc"}}'):
        assert without_secrets(text) == text


@pytest.mark.parametrize("value", ["None", "null", "True", "False", "''", '""'])
@pytest.mark.parametrize("text", ["f(password={}, host='gaitdb')", "f(token={})", "{{'token': {}}}", "password={}\n"])
def test_values_that_say_that_there_is_none(text, value):
    """A record may say that there was no password."""
    assert without_secrets(text.format(value)) == text.format(value)


TEXTS = [
    "Conn(password=hunter2, host=gaitdb)",
    "login for password=hunter2 at gaitdb failed",
    "api_key=hunter2 rejected by gaitdb",
    "{'password': 13522, 'host': 'gaitdb'}",
    "{'password': b'hunter2', 'host': 'gaitdb'}",
    "password: hunter2\nhost: gaitdb",
    "password = hunter2\nhost = gaitdb",
    "password:hunter2 gaitdb",
    "Server=x;Pwd=hunter2,d;Database=gaitdb",
    "Pwd=hunter2,Database=gaitdb",
    "f(token=Secret(value='hunter2'), host='gaitdb')",
    "f(token=['x', 'hunter2'], host='gaitdb')",
    "passwords={'a': 'hunter2'} gaitdb",
    "f(password: str = 'hunter2', host='gaitdb')",
    "password=hun)ter2, host=gaitdb",
    '{"password": "x\\"hunter2", "host": "gaitdb"}',
    "'{\\'password\\': \\'hunter2\\', \\'host\\': \\'gaitdb\\'}'",
    '"{\\"password\\":\\"hunter2\\",\\"host\\":\\"gaitdb\\"}"',
    "Authorization: Basic hunter2hunter2\nHost: gaitdb",
    "Authorization: Bearer hunter2hunter2 gaitdb",
    "sent Bearer hunter2hunter2 to gaitdb",
    "Cookie: session=abc123; other=hunter2\nHost: gaitdb",
    "Command '['prog', '--password', 'hunter2', '--host', 'gaitdb']' returned non-zero",
    "prog --password hunter2 --host gaitdb",
    "prog --password=hunter2 --host gaitdb",
    "prog --github-pat hunter2 --host gaitdb",
    "prog --pass=hunter2 --host gaitdb",
    "https://x/y?part=1&sig=hunter2&host=gaitdb",
    "https://x/y?X-Amz-Signature=hunter2&host=gaitdb",
    "https://x/y?X-Amz-Credential=A/hunter2/s3&host=gaitdb",
    "https://x/y?a=1&amp;signature=hunter2&amp;host=gaitdb",
    "https%3A%2F%2Fx%3Fsig%3Dhunter2%26host%3Dgaitdb",
    "postgres://me:hunter2@gaitdb/x",
    "{'credentials': {'db': {'user': 'me', 'keys': ['x', 'hunter2']}}, 'host': 'gaitdb'}",
    "Conn(auth=Credentials(user='me', inner=Inner(key='hunter2')), host='gaitdb')",
    "Conn(token=<Secret value='hunter2'>, host='gaitdb')",
    "OrderedDict([('password', 'hunter2'), ('host', 'gaitdb')])",
    '[["password", "hunter2"], ["host", "gaitdb"]]',
    "Conn(Token('hunter2'), host='gaitdb')",
    'os.environ["TOKEN"] = "hunter2"  # gaitdb',
    "def login(token: str | None = 'hunter2', host='gaitdb')",
    "def login(token: Optional[str] = 'hunter2', host='gaitdb')",
    "connect(password=f'hunter2{x}', host='gaitdb')",
    'connect(password="""hunter2""", host=\'gaitdb\')',
    "gaitdb: wrong password 'hunter2' for me",
    "{'Cookie': 'a=hunter2; b=hunter2', 'Host': 'gaitdb'}",
    "<CookieJar[<Cookie sid=hunter2 for gaitdb/>]>",
    "token: aHVudGVyMg=hunter2, host=gaitdb",
    "https://gaitdb/y?key=hunter2",
    "db_pass=hunter2 host=gaitdb",
    "Endpoint=gaitdb;AccountKey=hunter2==",
    "prog --token none-hunter2 --host gaitdb",
    "prog --password True-hunter2! --host gaitdb",
    "f(token=null@hunter2, host=gaitdb)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_values_in_texts(text):
    """The value goes in every way to write it, the words around it stay, and a second look changes nothing."""
    shown = without_secrets(text)
    assert not [secret for secret in ("hunter2", "hun)", "ter2", "13522") if secret in shown]
    assert "gaitdb" in shown
    assert REDACTED in shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize("write", [repr, json.dumps, lambda text: repr(text.encode()), lambda text: repr(repr(text))])
@pytest.mark.parametrize("before", ["\n", "\r\n\t", "\x1b[0;31m"])
def test_names_and_tokens_after_an_escape_sequence(before, write):
    """The repr of a text of several lines, or of colours, ends an escape with a letter, which is no part of a name."""
    for name in ("api_key=", "auth: ", "pwd = ", "cookie=", "db_pass: ", "--password ", "--github-pat=", "Bearer "):
        text = write(f"fold=2{before}{name}hunter2hunter2{before}host=gaitdb\nfold=3")
        shown = without_secrets(text)
        assert "hunter2" not in shown
        assert "gaitdb" in shown
        assert without_secrets(shown) == shown
    for kind in TOKENS.keys() - {"PEM", "PEM in a repr"}:
        assert TOKENS[kind][-15:] not in without_secrets(write(f"fold=2{before}{TOKENS[kind]}{before}gaitdb"))


def test_a_token_in_an_encoded_url():
    """The digits of a percent sign are no part of a token."""
    token = TOKENS["GitHub p"]
    assert without_secrets(f"to https%3A%2F%2F{token}%40gaitdb") == f"to https%3A%2F%2F{REDACTED}%40gaitdb"


# What a password may hold, but for what ends it in a text without quotes.
characters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"], exclude_characters="'\"\\,;&()[]{}=:")


@given(st.text(characters, min_size=3, max_size=30), st.sampled_from(SECRET_NAMES), st.sampled_from(["=", ": ", " = "]))
def test_any_value_without_quotes(secret, name, sign):
    """A value without quotes is taken out whole, and what follows it stays."""
    if secret.lower() in ("none", "null", "true", "false") or secret.startswith(("<", ">")):
        return
    assert without_secrets(f"open({name}{sign}{secret}, host=gaitdb)") == f"open({name}{sign}{REDACTED}, host=gaitdb)"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1), st.sampled_from(SECRET_NAMES))
def test_any_value_in_a_repr(secret, name):
    """Any value of a dictionary that is printed is taken out whole."""
    shown = without_secrets(repr({name: f"|{secret}|", "host": "gaitdb"}))
    assert shown == f"{{'{name}': '{REDACTED}', 'host': 'gaitdb'}}"


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_known_by_their_shape(kind):
    """A token goes wherever it stands: alone, in a list, in a file's name; the words around it stay."""
    token = TOKENS[kind]
    core = MIXED[:15] if kind.startswith("PEM") else token[-15:]
    for text in (token, f"rejected: {token} by gaitdb", f"x/backup_{token}.txt", f"['a', {token!r}]", f"({token})"):
        assert core not in without_secrets(text)
    assert without_secrets(f"rejected: {token} by gaitdb") == f"rejected: {REDACTED} by gaitdb"
    assert holds_token(f"shin_{token}")


@pytest.mark.parametrize(
    "text",
    [
        "59a7f00d59a7f00d59a7f00d59a7f00d59a7f00d",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "12345678-90ab-cdef-1234-567890abcdef",
        "global-mean-of-a-very-long-name-of-a-feature",
        "google-auth==2.40.1",
        "hf_cutoff_hz",
        "/data/AKIA/eyJ.x.y/ghp_1",
        "http://auth-server:8080/x",
        "sk-learn-based-detection-of-the-gait-events-of-all",
        "https://x/y?key_points=heel&fold=2",
        "columns=('left', 'right'), Token(3), the token expired",
    ],
)
def test_what_is_no_token(text):
    """Hashes, identifiers, long names, versions and addresses stay."""
    assert without_secrets(text) == text


PIECES = ("a", "token", "token=", "token='", "token=(", "token: a=", "--token ", "?sig=", "eyJaaaaaaaa.", "\\", "'")


@pytest.mark.parametrize("piece", [*PIECES, "-----BEGIN A-----", "a: b=", "token: ", "cookie: a=b; "])
def test_long_texts_are_read_in_time(piece):
    """The time grows with the length of a text, not with its square."""
    clock = time.process_time()
    without_secrets(piece * (200_000 // len(piece)))
    assert time.process_time() - clock < 5


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["--token", "abc"], ["--token", REDACTED]),
        (["--token=abc"], [f"--token={REDACTED}"]),
        (["--token", "--fold"], ["--token", "--fold"]),
        (["-p", "--passphrase", "abc", "def"], ["-p", "--passphrase", REDACTED, "def"]),
        (["--tokenizer", "bert"], ["--tokenizer", "bert"]),
        (["--author", "Ada"], ["--author", "Ada"]),
        (["API_KEY=abc"], [f"API_KEY={REDACTED}"]),
        (["--n-jobs=2", "x=y"], ["--n-jobs=2", "x=y"]),
        (["ftp://me:abc@host/x"], [f"ftp://{REDACTED}@host/x"]),
        ([], []),
    ],
)
def test_values_of_options_that_look_secret_are_taken_out(argv: list[str], shown: list[str]) -> None:
    """The names of options stay, so that the command can be understood and repeated."""
    assert redact_command(argv) == shown


@pytest.mark.parametrize("option", [f"--{name}" for name in ("pat", "github-pat", "key", "otp", "bearer", "sas")])
def test_options_of_usual_names(option):
    """Short names are secret as a whole option or its last word only."""
    assert redact_command([option, "abc", f"{option}=abc"]) == [option, REDACTED, f"{option}={REDACTED}"]
    assert redact_command([option, "-abc"]) == [option, REDACTED]


@pytest.mark.parametrize("option", [f"--{name}" for name in ("fold", "key-points", "passes", "pattern", "low_pass")])
def test_other_options(option):
    """Options that only resemble secret ones keep their values."""
    assert redact_command([option, "abc", f"{option}=abc"]) == [option, "abc", f"{option}=abc"]


def test_the_word_after_key_is_not_hunted():
    """The value of --key may be a common word: it goes from the command, and stays elsewhere."""
    assert secret_values(["x", "--key", "left_foot", "--token", "0123456789"], {}) == ("0123456789",)


@pytest.mark.parametrize("kind", [kind for kind in TOKENS if not kind.startswith("PEM")])
def test_an_entry_with_a_token_is_refused(kind):
    """The name of an entry becomes a folder's name: a token in it is refused, and not repeated."""
    for name in (TOKENS[kind], ("shin", f"tuned_{TOKENS[kind]}")):
        with pytest.raises(InvalidNameError, match="token") as caught:
            check_entry_name(name)
        assert TOKENS[kind] not in f"{caught.value} {caught.value.value}"


class Shown(ExampleChallenge):
    """A challenge whose repr is long and has a token where it is cut."""

    def __repr__(self) -> str:
        return "x " * 49_990 + TOKENS["GitHub p"] + " y" * 100_000


def test_a_long_repr_is_cut_and_says_so(tmp_path):
    """More than 100 kB of a repr are not stored, the record says so, and no half of a token is left at the cut."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        Shown().run(int)
    content = (recorder.path_ / "metadata.json").read_text(encoding="utf-8")
    stored = json.loads(content)["repr_challenge"]
    assert 99_000 < len(stored) < 100_100
    assert stored.endswith(f"... <cut: this repr has {len(repr(Shown()))} bytes>")
    assert "Fake0" not in content
    assert Path(recorder.path_).is_dir()
