"""Capitals and seats of government that news writes for a country: "Tehran said" is Iran's word."""

import re

from store.keys import search_terms
from store.library import Library

_SEATS = """
Abidjan: Ivory Coast; Abu Dhabi: United Arab Emirates; Abuja: Nigeria; Accra: Ghana; Addis Ababa: Ethiopia; Algiers: Algeria;
Amman: Jordan; Ankara: Turkey; Antananarivo: Madagascar; Ashgabat: Turkmenistan; Asmara: Eritrea; Astana: Kazakhstan; Asuncion:
Paraguay; Athens: Greece; Baghdad: Iraq; Baku: Azerbaijan; Bamako: Mali; Bangkok: Thailand; Beijing: China; Beirut: Lebanon;
Belgrade: Serbia; Berlin: Germany; Bern: Switzerland; Bishkek: Kyrgyzstan; Bogota: Colombia; Brasilia: Brazil; Bratislava:
Slovakia; Brussels: Belgium; Bucharest: Romania; Budapest: Hungary; Buenos Aires: Argentina; Cairo: Egypt; Canberra: Australia;
Caracas: Venezuela; Chisinau: Moldova; Colombo: Sri Lanka; Copenhagen: Denmark; Dakar: Senegal; Damascus: Syria; Dhaka:
Bangladesh; Doha: Qatar; Dublin: Ireland; Dushanbe: Tajikistan; Hanoi: Vietnam; Harare: Zimbabwe; Havana: Cuba; Helsinki:
Finland; Islamabad: Pakistan; Jakarta: Indonesia; Kabul: Afghanistan; Kampala: Uganda; Kathmandu: Nepal; Khartoum: Sudan;
Kigali: Rwanda; Kinshasa: Congo; Kuala Lumpur: Malaysia; Kyiv: Ukraine; Kiev: Ukraine; La Paz: Bolivia; Lima: Peru; Lisbon:
Portugal; Ljubljana: Slovenia; London: Britain; Luanda: Angola; Lusaka: Zambia; Madrid: Spain; Managua: Nicaragua; Manama:
Bahrain; Manila: Philippines; Maputo: Mozambique; Minsk: Belarus; Mogadishu: Somalia; Montevideo: Uruguay; Moscow: Russia;
Muscat: Oman; Nairobi: Kenya; Naypyidaw: Myanmar; New Delhi: India; Niamey: Niger; Nicosia: Cyprus; Nouakchott: Mauritania;
Oslo: Norway; Ottawa: Canada; Ouagadougou: Burkina Faso; Paris: France; Phnom Penh: Cambodia; Podgorica: Montenegro; Prague:
Czech; Pretoria: South Africa; Pristina: Kosovo; Pyongyang: North Korea; Quito: Ecuador; Rabat: Morocco; Reykjavik: Iceland;
Riga: Latvia; Riyadh: Saudi Arabia; Rome: Italy; Sanaa: Yemen; Santiago: Chile; Sarajevo: Bosnia; Seoul: South Korea; Skopje:
Macedonia; Sofia: Bulgaria; Stockholm: Sweden; Taipei: Taiwan; Tallinn: Estonia; Tashkent: Uzbekistan; Tbilisi: Georgia; Tehran:
Iran; Tirana: Albania; Tokyo: Japan; Tripoli: Libya; Tunis: Tunisia; Ulaanbaatar: Mongolia; Valletta: Malta; Vienna: Austria;
Vientiane: Laos; Vilnius: Lithuania; Warsaw: Poland; Washington: United States; Wellington: New Zealand; Yerevan: Armenia;
Zagreb: Croatia; Kremlin: Russia; White House: United States; Pentagon: United States; Downing Street: Britain; Whitehall:
Britain; Westminster: Britain; Elysee: France
"""
_COUNTRY = dict(pair.strip().split(": ") for pair in _SEATS.replace("\n", " ").split(";"))
_ALSO = {
    "United States": ("US", "USA", "America"),
    "Britain": ("UK", "United Kingdom", "British"),
    "United Arab Emirates": ("UAE", "Emirates"),
}
"""Other names of a country that an article may use alone."""
_NAMED = re.compile(
    r"(?<!\bin )(?<!\bat )(?<!\bto )(?<!\bnear )(?<!\bfrom )"
    rf"\b(?P<seat>{'|'.join(sorted(_COUNTRY, key=len, reverse=True))})(?:['’]s)?\b"
)
"""Who acts, not where: "in Cairo" is no other word for "in Egypt"."""


def spelt_out(question: str, library: Library) -> str:
    """The question with the country beside each seat of government that the articles never name, where they name the country."""
    found = [(m, _COUNTRY[m["seat"]]) for m in _NAMED.finditer(question)]
    if not found:
        return question
    terms = {
        term for m, country in found for name in (m["seat"], *_names(country)) for term in search_terms(name)
    }
    held = library.words_of(terms)
    for m, country in reversed(found):
        if held.issuperset(search_terms(m["seat"])) or re.search(rf"\b{country}", question):
            continue
        named = next((name for name in _names(country) if held.issuperset(search_terms(name))), None)
        if named:
            question = f"{question[: m.end()]} ({named}){question[m.end() :]}"
    return question


def _names(country: str) -> tuple[str, ...]:
    return (country, *_ALSO.get(country, ()))
