"""Find secrets by their names and shapes, and remove them from texts and command lines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

__all__ = [
    "REDACTED",
    "holds_token",
    "is_secret_name",
    "redact_command",
    "secret_values",
    "without_named_secrets",
    "without_secrets",
    "without_tokens",
]

#: The replacement for a secret.
REDACTED: Final = "<redacted>"

_SECRET_WORDS: Final = (
    frozenset({"password", "passwords", "passwd", "passphrase", "passphrases", "pwd", "secret", "secrets", "token"})
    | frozenset({"auth", "oauth", "authorization", "bearer", "cookie", "cookies", "credential", "credentials"})
    | frozenset({"apikey", "apikeys", "accesskey", "privatekey"})
)
# `api_key` and `db_pass` are secret, `key_points` and `low_pass` are not.
_SECRET_KEYS: Final = frozenset({"api", "access", "private", "account", "encryption", "master", "signing"})
_SECRET_PASSES: Final = frozenset({"admin", "db", "email", "ftp", "mysql", "postgres", "proxy", "root", "smtp", "user"})
# Endings within one word: PGPASSWORD, authtoken.
_SECRET_ENDINGS: Final = ("password", "passwd", "passphrase", "secret", "token", "apikey")
# `n_token`, `max_token_length`, `cls_token`: a count or a parameter of a network, not a token.
_OTHER_TOKENS: Final = frozenset(
    {"n", "num", "number", "max", "min", "count", "length", "len", "limit", "size", "total", "dim", "type"}
) | frozenset({"bos", "class", "cls", "eos", "mask", "pad", "per", "sep", "unk"})
_SECRET_OPTIONS: Final = frozenset({"pass", "pat", "key", "otp", "sas"})
_SECRET_IN_QUERIES: Final = frozenset({"sig", "signature", *_SECRET_OPTIONS})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# An escape sequence in a repr, in a URL or for a terminal may end with a letter or digit right before a word.
_AFTER_ESCAPE: Final = r"(?<=\\[abfnrtv])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4})|(?<=[\[;\d]\dm)"
_ESCAPE_IN_NAME: Final = re.compile(rf"\w{{1,5}}?(?:{_AFTER_ESCAPE})")

_TOKEN: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)"
    rf"|(?:(?<![A-Za-z0-9])|{_AFTER_ESCAPE}|(?<=%[0-9a-fA-F]{{2}}))(?:"
    r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|hf_[A-Za-z0-9]{30,}"
    r"|gl(?:pat|dt|rt|rtr|ptt|cbt|soat|ft|imt|agent|wt|oas)-[\w-]{20,}"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|AIza[\w-]{35}|sk-[A-Za-z0-9]{32,}|sk-(?:admin|ant|or|proj|svcacct)-[\w-]{20,}|[rs]k_live_[A-Za-z0-9]{20,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|dckr_pat_[\w-]{20,}|hooks\.slack\.com/services/[\w/]{20,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*(?:\.[\w-]+){0,2}|eyJ[\w-]{8,}\.(?:\.[\w-]{8,}){3})",
    re.DOTALL,
)
# A quick test: most texts hold none of these.
_TOKEN_STARTS: Final = re.compile(
    "-----BEGIN |gh[pousr]_|github_pat_|hf_|gl[a-z]{2,5}-|xox|xapp-|A[A-Z]{3}|eyJ"
    r"|AIza|sk-|k_live_|npm_|pypi-|dckr_pat_|hooks\.slack"
)

# `password=`, `"api_key": `, `'token' => ` and `environ["TOKEN"] = `, but not a comparison.
_NAMED: Final = re.compile(r"""(?<![\w-])(?<!//)([\w-]+)(?P<sign>\\*["']?\]?\s*(?:=>|:=|=(?!=)|:(?![:=/]))\s*)""")
# The annotation between a name and its value in `secret: str | None = "...`.
_TYPE: Final = r"[\w.]+(?:\[[\w.,| \[\]]{0,100}\])?"
_ANNOTATION: Final = re.compile(rf"""(["']?){_TYPE}(?:[ \t]*\|[ \t]*{_TYPE})*\1[ \t]*=(?!=)[ \t]*""")
# `Token("...`, `wrong password '...`, and `("token", "...` as a pair.
_CALLED: Final = re.compile(r"""(?<![\w-])([\w-]+)(?:\(\s*(?=[bru]{0,2}["'])|[ \t]+(?=(["'])[^\s"']{6,}\2))""")
_PAIR: Final = re.compile(r"""(?:\(|\[\s*\[|\],\s*\[)\s*["']([\w-]+)["'],\s*""")
_OPTION: Final = re.compile(rf"""(?:(?<![\w-])|{_AFTER_ESCAPE})(--?[A-Za-z][\w-]*)(["']?(?:,\s*|[ \t]+|=))(?!--)""")
_IN_QUERY: Final = re.compile(r"(?:[?&]|&amp;|%3f|%26)([\w.-]+)(?:=|%3d)", re.IGNORECASE)
_QUOTED: Final = r"""[bruf]{0,2}(?:\'\'\'.*?\'\'\'|\"{3}.*?\"{3}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_VALUE: Final = re.compile(
    # In quotes, in escaped quotes, in quotes that were cut off.
    rf"""(?P<quoted>{_QUOTED})|(?P<escape>\\+["']).*?(?P=escape)|[bruf]{{0,2}}["'][^\n]*"""
    # The repr of an object between angles.
    r"""|<[^<>\n]*>"""
    # A word, up to white space or to its end in a repr, a list or a sentence.
    r"""|(?:[^\s,;&'"()\[\]{}\\]|[(\[{]|\\(?!\\*[nrt](?:[\s\\"']|[\w-]+\s*[=:]|$))|[,;](?!\s|$|["'\\]*[\w-]+\\*["']?\s*[=:])|[)\]}](?![\s,;.:)\]}'"]|$))+""",
    re.DOTALL,
)
# The start of the repr of an object or a collection, and the parts that decide where it ends.
_OPENING: Final = re.compile(r"[\w.]*[(\[{]")
_NESTING: Final = re.compile(rf"""(?P<other>\\.|{_QUOTED})|(?P<opening>[(\[{{])|[)\]}}]""", re.DOTALL)
_MAX_NESTED: Final = 20
_IN_URL: Final = re.compile(r"(?:[^\s&#'\"<>%]|%(?!26|23)[0-9A-Fa-f]{2}|<redacted>)+")
_SCHEME: Final = re.compile(r"(?:Basic|Bearer|Digest|Negotiate|Token|ApiKey)\s+", re.IGNORECASE)
_COOKIES: Final = re.compile(r"[ \t]*([^\s;='\"]+=[^\s;,'\"]+)(?:;[ \t]*[^\s;=]+=[^\s;,'\"]*)*")
_COOKIE_SHOWN: Final = re.compile(rf"(<Cookie [^\s=<>]+=)(?:{REDACTED}|[^\s>]+)")
_BEARER: Final = re.compile(rf"((?:\b|{_AFTER_ESCAPE})bearer\s+)[\w.~+/=-]{{8,}}", re.IGNORECASE)
_USER_IN_URL: Final = re.compile(
    r"(?<![a-z0-9+.-])(?P<scheme>[a-z][a-z0-9+.-]+:/{1,2})(?P<user>[^\s/?#'\"@]+(?:@[^\s/?#'\"@]+)*)@", re.IGNORECASE
)
# Values that stand for no secret.
_NOTHING: Final = re.compile(r"(?:None|null|True|False|''|\"\")(?=[\s,;)\]}]|\Z)", re.IGNORECASE)
# Shorter values of secret-looking variables ("1", "yes", "auto") are settings, which are in many texts by chance.
_MIN_SECRET_LENGTH: Final = 8

_MAX_REMEMBERED: Final = 1000

#: The start and end of a value, and its replacement.
_Span: TypeAlias = tuple[int, int, str]


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is likely to be a secret.

    Examples
    --------
    >>> from gaitmap_results.store.secrets_in_text import is_secret_name
    >>> is_secret_name("api_token"), is_secret_name("tokenizer"), is_secret_name("n_tokens"), is_secret_name("low_pass")
    (True, False, False, False)
    """
    words = [word.lower() for word in _WORD.findall(name[:1000])]
    found = [word for word in words if word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS)]
    found += [one for one, other in pairwise(words) if one in _SECRET_KEYS and other in ("key", "keys")]
    found += [one for one, other in pairwise(words) if one in _SECRET_PASSES and other == "pass"]
    return bool(found) and not (found == ["token"] and not _OTHER_TOKENS.isdisjoint(words))


def _is_secret_option(name: str) -> bool:
    """Return whether an option (``--github-pat``, ``--db.key``) takes a secret."""
    return name.startswith("-") and (is_secret_name(name) or re.split("[-.]", name.lower())[-1] in _SECRET_OPTIONS)


def holds_token(text: str) -> bool:
    """Return whether a text holds a token of a well-known shape."""
    return _TOKEN_STARTS.search(text) is not None and _TOKEN.search(text) is not None


def without_tokens(text: str) -> str:
    """Return a text without tokens of GitHub, GitLab, Hugging Face, Slack and AWS, JSON Web Tokens and PEM blocks.

    Examples
    --------
    >>> from gaitmap_results.store.secrets_in_text import without_tokens
    >>> without_tokens("rejected: AKIA" + "EXAMPLE" * 2 + "12")
    'rejected: <redacted>'
    """
    return text if _TOKEN_STARTS.search(text) is None else _TOKEN.sub(REDACTED, text)


def without_secrets(text: str) -> str:
    """Return a text without tokens, and without the values that follow secret-looking names and options.

    Examples
    --------
    >>> from gaitmap_results.store.secrets_in_text import without_secrets
    >>> without_secrets("Conn(password=hunter2, low_pass=12), prog --token abc --fold 2")
    'Conn(password=<redacted>, low_pass=12), prog --token <redacted> --fold 2'
    """
    return _searched(text) if len(text) <= _MAX_REMEMBERED else _searched.__wrapped__(text)


# The records of a process repeat most of their texts.
@lru_cache(maxsize=4096)
def _searched(text: str) -> str:
    text = _USER_IN_URL.sub(rf"\g<scheme>{REDACTED}@", without_tokens(text))
    for pattern, judge in _PLACES:
        text = _replaced(text, pattern, judge)
    text = _COOKIE_SHOWN.sub(rf"\g<1>{REDACTED}", text)
    return _BEARER.sub(rf"\g<1>{REDACTED}", text)


def without_named_secrets(value: Any) -> Any:
    """Return dictionaries and lists without the values of secret-looking names.

    Examples
    --------
    >>> from gaitmap_results.store.secrets_in_text import without_named_secrets
    >>> without_named_secrets({"token": "abc", "use_auth": True, "clients": [{"password": 1}]})
    {'token': '<redacted>', 'use_auth': True, 'clients': [{'password': '<redacted>'}]}
    """
    if isinstance(value, Mapping):
        return {
            name: without_named_secrets(held)
            if held is None or isinstance(held, bool) or not is_secret_name(name)
            else REDACTED
            for name, held in value.items()
        }
    return [without_named_secrets(held) for held in value] if isinstance(value, (list, tuple)) else value


def _replaced(text: str, pattern: re.Pattern[str], judge: Callable[[re.Match[str]], _Span | None]) -> str:
    """Replace each secret value that ``judge`` finds after a name in a text."""
    parts = []
    position = end = 0
    while (name := pattern.search(text, position)) is not None:
        position = name.end(1)
        if (found := judge(name)) is not None:
            parts += [text[end : found[0]], found[2]]
            position = end = found[1]
    return "".join([*parts, text[end:]]) if parts else text


def _after_name(named: re.Match[str]) -> _Span | None:
    text, name, sign = named.string, named[1], named.groupdict().get("sign") or ""
    start = named.end()
    escape = _ESCAPE_IN_NAME.match(text, *named.span(1))
    names = [name] if escape is None else [name, text[escape.end() : named.end(1)]]
    if not any(map(_is_secret_option if name.startswith("-") else is_secret_name, names)) or _NOTHING.match(
        text, start
    ):
        return None
    if (scheme := _SCHEME.match(text, start)) is not None:
        start = scheme.end()
    if ":" in sign:
        header = _COOKIES.match(text, text.index(":", named.end(1)) + 1) if "cookie" in name.lower() else None
        if header is not None:
            return header.start(1), header.end(), REDACTED
        annotation = _ANNOTATION.match(text, start)
        if annotation is not None and (value := _value_at(text, annotation.end(), sign)) is not None:
            return start, value[1], REDACTED
    return _value_at(text, start, sign)


def _in_pair(named: re.Match[str]) -> _Span | None:
    found = _after_name(named)
    return found if found is not None and named.string[found[1] :].lstrip()[:1] in (")", "]") else None


def _in_query(named: re.Match[str]) -> _Span | None:
    words = _WORD.findall(named[1].lower()) or [""]
    if not is_secret_name(named[1]) and words[-1] not in _SECRET_IN_QUERIES:
        return None
    value = _IN_URL.match(named.string, named.end())
    return None if value is None else (*value.span(), REDACTED)


_PLACES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Span | None]], ...]] = (
    (_IN_QUERY, _in_query),
    (_NAMED, _after_name),
    (_OPTION, _after_name),
    (_CALLED, _after_name),
    (_PAIR, _in_pair),
)


def _value_at(text: str, start: int, separator: str) -> _Span | None:
    """Return the end of the value that starts here, and its replacement."""
    end = _end_of_nested(text, start)
    if end is not None:
        return start, end, REDACTED
    value = _VALUE.match(text, start)
    if value is None or not value[0]:
        return None
    quotes = value["quoted"] is not None and not separator.startswith("\\")
    return start, value.end(), f"'{REDACTED}'" if quotes else REDACTED


def _end_of_nested(text: str, start: int) -> int | None:
    """Return the end of the repr with brackets that starts here; ``None`` if there is none or it is cut off."""
    opening = _OPENING.match(text, start)
    depth = 0 if opening is None else 1
    position = start if opening is None else opening.end()
    while 0 < depth < _MAX_NESTED and (found := _NESTING.search(text, position)) is not None:
        position = found.end()
        if found["other"] is None:
            depth += 1 if found["opening"] else -1
            if not depth:
                return position
    return None


def redact_command(argv: Sequence[str]) -> list[str]:
    """Return a command line without the values of secret-looking options.

    Examples
    --------
    >>> from gaitmap_results.store.secrets_in_text import redact_command
    >>> redact_command(["run.py", "--api-key", "s3cr3t", "--password=x", "TOKEN=y", "--fold", "2"])
    ['run.py', '--api-key', '<redacted>', '--password=<redacted>', 'TOKEN=<redacted>', '--fold', '2']
    """
    return [shown for shown, _ in _judged(argv)]


def _judged(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each argument as it is shown, and the secret in it that must not appear anywhere else."""
    option = ""
    for argument in argv:
        # `--password -x` gives a password; `--password --fold` gives none.
        if option and not argument.startswith("--"):
            # The value of `--key` may be a word such as `left_foot`, which also appears elsewhere.
            yield REDACTED, None if option == "key" else argument
            option = ""
            continue
        option = ""
        name, equals, value = argument.partition("=")
        # Neither the query of a URL nor a sentence.
        if re.fullmatch(r"[\w.+-]+", name) is None or not (
            _is_secret_option(name) or (equals and is_secret_name(name))
        ):
            yield without_secrets(argument), None
        elif equals:
            yield f"{name}={REDACTED}", None if name.lstrip("-") == "key" else value
        else:
            option = "" if name.startswith(("--no-", "--without-")) else name.lstrip("-")
            yield argument, None


def secret_values(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of secret-looking names in the command line and the environment, longest first."""
    # SSH_AUTH_SOCK and the like hold a path; a secret may contain slashes, but is not a file.
    values = {environment[name] for name in environment if is_secret_name(name)}
    found = {value for value in values if not _is_path(value)}
    found |= {value for _, value in _judged(argv) if value is not None and not os.path.lexists(value)}
    return tuple(sorted((value for value in found if len(value) >= _MIN_SECRET_LENGTH), key=len, reverse=True))


def _is_path(value: str) -> bool:
    folder = os.path.dirname(value)
    return os.path.isabs(value) and folder != os.path.dirname(folder) and os.path.isdir(folder)
