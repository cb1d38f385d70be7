"""States and provinces of the US and Canada: two-letter codes, and the names people write for them."""

from __future__ import annotations

import functools
import re
import unicodedata

from leads.core.countries import country_code

# Codes as the two posts have them, then names. https://pe.usps.com/text/pub28/28apb.htm and
# https://www.canadapost-postescanada.ca/cpc/en/support/articles/addressing-guidelines/symbols-and-abbreviations.page
_TABLE = """\
AL Alabama
AK Alaska
AS American Samoa
AZ Arizona
AR Arkansas
CA California
CO Colorado
CT Connecticut
DE Delaware
DC District of Columbia/Washington DC/Washington District of Columbia
FM Federated States of Micronesia/Micronesia
FL Florida
GA Georgia
GU Guam
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky
LA Louisiana
ME Maine
MH Marshall Islands
MD Maryland
MA Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York/New York State
NC North Carolina
ND North Dakota
MP Northern Mariana Islands/Commonwealth of the Northern Mariana Islands
OH Ohio
OK Oklahoma
OR Oregon
PW Palau
PA Pennsylvania
PR Puerto Rico
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas
UM US Minor Outlying Islands/United States Minor Outlying Islands
UT Utah
VT Vermont
VI Virgin Islands/US Virgin Islands/United States Virgin Islands
VA Virginia
WA Washington/Washington State
WV West Virginia
WI Wisconsin
WY Wyoming
AA Armed Forces Americas
AE Armed Forces Europe
AP Armed Forces Pacific
AB Alberta
BC British Columbia/Colombie Britannique
MB Manitoba
NB New Brunswick/Nouveau Brunswick
NL Newfoundland and Labrador/Newfoundland & Labrador/Newfoundland/Labrador/Terre Neuve et Labrador/Terre Neuve
NS Nova Scotia/Nouvelle Ecosse
NT Northwest Territories/Territoires du Nord Ouest
NU Nunavut
ON Ontario
PE Prince Edward Island/PEI/Ile du Prince Edouard
QC Quebec
SK Saskatchewan
YT Yukon/Yukon Territory/Territoire du Yukon
"""
# Countries of the states and provinces in the table.
_HOMES = ("US", "CA")
_CODE = re.compile(r"[a-z]{2}")
_CODE_WITH_COUNTRY = re.compile(r"([a-z]{2})[ _-]([a-z]{2})", re.IGNORECASE)


def region_code(text: str) -> str | None:
    """The two letters, in upper case, of a state or province; None when `text` names none that is known.

    Any two letters count as a code, as other countries have such codes, too; so does "US-CA" (ISO 3166-2). Neither case
    nor accents, dots and blanks make a difference.
    """
    both = _CODE_WITH_COUNTRY.fullmatch(text.strip())
    if both:
        # "CA US" and "US-CA": both halves may be either.
        first, second = both[1].upper(), both[2].upper()
        if second in _HOMES and first in _codes().values():
            return first
        return second if country_code(first) else None
    name = _folded(text)
    return name.upper() if _CODE.fullmatch(name) else _codes().get(name)


def _folded(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


@functools.cache
def _codes() -> dict[str, str]:
    lines = (line.split(" ", 1) for line in _TABLE.splitlines())
    return {_folded(name): code for code, names in lines for name in names.split("/")}
