"""Describe people, organizations, licences and references as entities of an RO-Crate, without guessing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["Entity", "author_entities", "license_entity", "organization", "people_of", "quoted", "references_of"]

#: An entity of an RO-Crate: a JSON object with an ``@id``; unknown values are ``None`` until it is written.
Entity = dict[str, Any]

# Keys of custom metadata that users of gaitmap_challenges know, and their synonyms.
_PEOPLE_KEYS: Final = ("authors", "author", "code_authors", "algorithm_authors", "contributors", "people")
_REFERENCE_KEYS: Final = ("references", "reference", "citations", "citation", "publications", "doi")

_ORCID: Final = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_DOI: Final = re.compile(r"(?:doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_URL: Final = re.compile(r"https?://[^\s<>\"]+")
_NAMED: Final = re.compile(r"\s*(?P<name>[^<>;\s][^<>;]*?)\s*(?:<\s*(?P<address>[^<>\s]+)\s*>)?\s*")
_SPDX: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.+-]*")
_PARTICLES: Final = frozenset({"van", "von", "de", "der", "den", "del", "della", "di", "da", "la", "le", "bin", "al"})
_NO_NAMES: Final = frozenset({"see", "todo", "tbd", "the", "unknown", "none", "various", "lab", "team", "group"})
_HOW_TO_NAME: Final = (
    "Give a name, an ORCID where there is one, and behind a semicolon the affiliation: "
    '"Ada Lovelace <https://orcid.org/0000-0002-1825-0097>; FAU <https://www.fau.eu>".'
)


def license_entity(text: object) -> Entity:
    """Return the licence of a URL or an SPDX identifier.

    Raises
    ------
    InvalidOptionError
        If it is neither.
    """
    given = text.strip() if isinstance(text, str) else ""
    is_url = _URL.fullmatch(given) is not None
    if not is_url and not _SPDX.fullmatch(given):
        raise InvalidOptionError(
            f"The licence is {text!r}, which is neither a URL nor an SPDX identifier. Give one, for example CC-BY-4.0 "
            "or https://creativecommons.org/licenses/by/4.0/; the list is at https://spdx.org/licenses."
        )
    address = given if is_url else f"https://spdx.org/licenses/{given}"
    return {"@id": address, "@type": "CreativeWork", "name": given, "description": "The licence of the data"}


def author_entities(texts: Sequence[object]) -> tuple[list[Entity], list[Entity]]:
    """Return the given authors, and the organizations that they belong to.

    Raises
    ------
    InvalidOptionError
        If there is no author, or one cannot be understood.
    """
    if not texts:
        raise InvalidOptionError(f"No author is given. {_HOW_TO_NAME}")
    people: dict[str, Entity] = {}
    organizations: dict[str, Entity] = {}
    for text in texts:
        person_text, _, affiliation_text = text.partition(";") if isinstance(text, str) else (text, "", "")
        person = _named("Person", person_text, "author")
        if affiliation_text.strip():
            affiliation = organization(affiliation_text, "affiliation")
            organizations[affiliation["@id"]] = affiliation
            person["affiliation"] = {"@id": affiliation["@id"]}
        people[person["@id"]] = person
    return list(people.values()), list(organizations.values())


def organization(text: object, what: str) -> Entity:
    """Return an organization from its name and, in angle brackets, its address."""
    return _named("Organization", text, what)


def _named(kind: str, text: object, what: str) -> Entity:
    """Return the person or organization of a text that a user gave, or raise what is wrong with it."""
    match = _NAMED.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidOptionError(f"The {what} {text!r} cannot be understood. {_HOW_TO_NAME}")
    name, given = match["name"], match["address"]
    address = None if given is None else _address(given)
    if given is not None and address is None:
        raise InvalidOptionError(f"{given!r} of the {what} {name!r} is neither an ORCID nor a URL. {_HOW_TO_NAME}")
    orcid = _ORCID.fullmatch(given or "")
    if orcid is not None and not _has_right_check_digit(orcid[1]):
        raise InvalidOptionError(f"The ORCID {given} of {name} contains a typo: its last digit does not fit.")
    return _entity(kind, name, address)


def _entity(kind: str, name: str, address: str | None) -> Entity:
    identifier = address or f"#{kind.lower()}-{quoted('-'.join(name.split()))}"
    return {"@id": identifier, "@type": kind, "name": name, "url": address}


def _address(text: str) -> str | None:
    orcid = _ORCID.fullmatch(text.strip())
    if orcid is not None:
        return f"https://orcid.org/{orcid[1]}"
    return text.strip() if _URL.fullmatch(text.strip()) else None


def _has_right_check_digit(orcid: str) -> bool:
    # https://support.orcid.org/hc/en-us/articles/360006897674: ISO 7064 11,2.
    digits = orcid.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == digits[-1]


def quoted(text: str) -> str:
    """Return a text escaped as a part of a URI, even if it is not valid UTF-8."""
    return quote(text.encode("utf-8", "backslashreplace"))


def people_of(custom_metadata: Any, known: Mapping[str, Entity]) -> tuple[list[Entity], list[str]]:
    """Return the people named in custom metadata, and as text what does not name anybody.

    Parameters
    ----------
    custom_metadata
        The custom metadata of a run.
    known
        People by name, who are not described again.
    """
    people: dict[str, Entity] = {}
    others: list[str] = []
    for value in _values(custom_metadata, _PEOPLE_KEYS):
        person = _person(value, known)
        if person is not None:
            people[person["@id"]] = person
        elif isinstance(value, str):
            others.append(value)
    return list(people.values()), list(dict.fromkeys(others))


def _person(value: Any, known: Mapping[str, Entity]) -> Entity | None:
    """Return the person in a value: an object with a name, a name with an address, or a plain name."""
    if isinstance(value, dict) and isinstance(value.get("name"), str) and value["name"].strip():
        name = value["name"].strip()
        given = next((value[key] for key in ("orcid", "url") if isinstance(value.get(key), str)), "")
        return known.get(name, _entity("Person", name, _address(given)))
    match = _NAMED.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    name, address = match["name"], _address(match["address"] or "")
    is_known = address is not None or (match["address"] is None and _is_name(name))
    return known.get(name, _entity("Person", name, address) if is_known else None)


def _is_name(text: str) -> bool:
    """Say whether a text is a person's name: two to five capitalized words, not a sentence."""
    words = text.split()
    return (
        2 <= len(words) <= 5
        and not any(character.isdigit() for character in text)
        and all(word[0].isupper() or word in _PARTICLES for word in words)
        and _NO_NAMES.isdisjoint(text.casefold().split())
    )


def references_of(custom_metadata: Any) -> tuple[list[Entity], list[str]]:
    """Return the works in custom metadata that have a URL or a DOI, and other references as text."""
    works: dict[str, Entity] = {}
    words: list[str] = []
    for value in _values(custom_metadata, _REFERENCE_KEYS):
        text = value.strip() if isinstance(value, str) else ""
        doi = _DOI.fullmatch(text)
        address = f"https://doi.org/{doi[1]}" if doi is not None else text if _URL.fullmatch(text) else None
        if address is not None:
            works[address] = {"@id": address, "@type": "CreativeWork", "name": text}
        elif text:
            words.append(text)
    return list(works.values()), list(dict.fromkeys(words))


def _values(custom_metadata: Any, keys: Sequence[str]) -> Iterator[Any]:
    for key in keys:
        value = custom_metadata.get(key) if isinstance(custom_metadata, dict) else None
        yield from value if isinstance(value, list) else () if value is None else (value,)
