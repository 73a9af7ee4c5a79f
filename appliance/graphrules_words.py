"""Words that the rules of the knowledge graph know: places, first names, companies, no names. Pure."""
# ruff: noqa: SIM905 - lists of words read better as text

from __future__ import annotations

_PLACES = """
Afghanistan|Albania|Algeria|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahrain|Bangladesh|
Belarus|Belgium|Bolivia|Bosnia|Botswana|Brazil|Bulgaria|Cambodia|Cameroon|Canada|Chile|China|Colombia|
Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Dominican Republic|Ecuador|Egypt|
El Salvador|Estonia|Ethiopia|Finland|France|Germany|Ghana|Greece|Guatemala|Honduras|Hungary|Iceland|India|
Indonesia|Iran|Iraq|Ireland|Israel|Italy|Jamaica|Japan|Kazakhstan|Kenya|Kuwait|Latvia|Lebanon|Libya|
Liechtenstein|Lithuania|Luxembourg|Madagascar|Malaysia|Malta|Mexico|Moldova|Monaco|Mongolia|Montenegro|
Morocco|Mozambique|Myanmar|Namibia|Nepal|Netherlands|New Zealand|Nicaragua|Nigeria|North Korea|
North Macedonia|Norway|Oman|Pakistan|Panama|Paraguay|Peru|Philippines|Poland|Portugal|Qatar|Romania|
Russia|Rwanda|Saudi Arabia|Senegal|Serbia|Singapore|Slovakia|Slovenia|Somalia|South Africa|South Korea|
Spain|Sri Lanka|Sudan|Sweden|Switzerland|Syria|Taiwan|Tanzania|Thailand|Tunisia|Uganda|Ukraine|
United Arab Emirates|United Kingdom|United States|Uruguay|Uzbekistan|Venezuela|Vietnam|Yemen|Zambia|
Zimbabwe|England|Scotland|Wales|Europe|Asia|Africa|California|Texas|Massachusetts|Bavaria|Ontario|Quebec|
Amsterdam|Antwerp|Athens|Atlanta|Auckland|Austin|Baghdad|Bangkok|Barcelona|Basel|Beijing|Beirut|Belgrade|
Bengaluru|Bangalore|Berlin|Bern|Birmingham|Bogotá|Bologna|Bonn|Boston|Bratislava|Bremen|Brisbane|Brussels|
Bucharest|Budapest|Buenos Aires|Cairo|Calgary|Cambridge|Cape Town|Caracas|Chicago|Cologne|Copenhagen|
Dallas|Delhi|Denver|Detroit|Dortmund|Dresden|Dubai|Dublin|Düsseldorf|Edinburgh|Eindhoven|Essen|Frankfurt|
Geneva|Genoa|Ghent|Glasgow|Graz|Hamburg|Hannover|Hanoi|Heidelberg|Helsinki|Hong Kong|Houston|Istanbul|
Jakarta|Jerusalem|Johannesburg|Karlsruhe|Kraków|Kyiv|Kyoto|Lagos|Lausanne|Leeds|Leipzig|Lima|Lisbon|
Liverpool|Ljubljana|London|Los Angeles|Lyon|Madrid|Malmö|Manchester|Manila|Mannheim|Marseille|Melbourne|
Mexico City|Miami|Milan|Minsk|Montreal|Moscow|Mumbai|Munich|Münster|Nairobi|Naples|New Delhi|New York|
New York City|Nuremberg|Osaka|Oslo|Ottawa|Palo Alto|Paris|Philadelphia|Porto|Prague|Pretoria|Reykjavik|
Riga|Rio de Janeiro|Rome|Rotterdam|Salzburg|San Diego|San Francisco|San Jose|Santiago|São Paulo|Seattle|
Seoul|Seville|Shanghai|Shenzhen|Sofia|Stockholm|Strasbourg|Stuttgart|Sydney|Taipei|Tallinn|Tehran|
Tel Aviv|The Hague|Tokyo|Toronto|Toulouse|Turin|Utrecht|Valencia|Vancouver|Venice|Vienna|Vilnius|Warsaw|
Washington|Zagreb|Zurich|Zürich
"""
_COUNTRIES_END = "Zimbabwe"
_OTHER_NAMES = {
    "USA": "united states", "UK": "united kingdom", "Great Britain": "united kingdom",
    "UAE": "united arab emirates",
    "Deutschland": "germany", "Österreich": "austria", "Schweiz": "switzerland", "Frankreich": "france",
    "München": "munich", "Köln": "cologne", "Wien": "vienna", "Nürnberg": "nuremberg", "Genf": "geneva",
    "Zürich": "zurich", "Brüssel": "brussels", "Roma": "rome", "Lisboa": "lisbon", "España": "spain",
}  # fmt: skip
_listed = [name for name in _PLACES.replace("\n", "").split("|") if name]
PLACES: dict[str, str] = {name: name.casefold() for name in _listed} | _OTHER_NAMES
"""Name -> canonical name. Names that often mean other things (Georgia, Jordan, Turkey) are left out."""
COUNTRIES = frozenset(_listed[: _listed.index(_COUNTRIES_END) + 1]) | {
    "USA", "UK", "Deutschland", "Österreich", "Schweiz", "Frankreich", "España", "England", "Scotland",
    "Wales", "California", "Texas", "Massachusetts", "Bavaria", "Ontario", "Quebec",
}  # fmt: skip

FIRST_NAMES = frozenset(
    """
    Ada Adam Adrian Agnes Ahmed Alan Albert Alex Alexander Alexandra Alfred Alice Amanda Amir Amy Ana
    Anders Andrea Andreas Andrew Angela Anita Anja Anke Ann Anna Anne Anthony Antonio Arthur Astrid Aylin
    Barbara Beate Ben Benjamin Bernd Bernhard Bill Birgit Björn Bob Brian Bruno Carl Carla Carlos Carmen
    Caroline Catherine Charles Charlotte Chen Chris Christian Christine Christoph Claire Clara Claudia
    Clara Daniel Daniela David Deborah Diana Dieter Dirk Dmitri Donald Dorothy Edith Edward Elena Eleanor
    Elisabeth Elizabeth Elon Emil Emily Emma Eric Erik Ernst Eva Fatima Felix Florian Frances Francesca
    Francis Frank Franz Fred Friedrich Gabriel Gabriele George Gerhard Giovanni Giulia Grace Günter Hannah
    Hans Harald Harry Heike Heinrich Helen Helena Henri Henry Hugo Ian Ines Ingrid Irene Isaac Isabel Ivan
    Jack Jacob Jakob James Jan Jana Jane Janet Javier Jean Jeff Jennifer Jens Jessica Jim Joachim Joe
    Johan Johann John Jonas Jörg José Joseph Juan Julia Julian Julie Jürgen Karen Karin Karl Kate
    Katharina Katherine Kathrin Kenji Kevin Klaus Kurt Lars Laura Lea Lena Leo Leon Leonardo Linda Lisa
    Louis Louise Lucas Lucia Ludwig Luis Luise Lukas Magda Manfred Marc Marco Margaret Maria Marie Mario
    Marion Mark Markus Marta Martin Martina Mary Mateo Matthew Matthias Max Maya Mehmet Melanie Michael
    Michelle Miguel Mohammed Monika Nadia Nancy Natalia Nicolas Niels Nikola Nina Nora Olga Oliver Oscar
    Otto Pablo Pamela Patricia Patrick Paul Paula Pedro Peter Petra Philip Pierre Priya Rachel Rafael
    Rainer Raj Ralf Rebecca Renate Richard Robert Roberto Roger Roland Rosa Rosalind Ruth Sabine Sam
    Samuel Sandra Sara Sarah Satya Sebastian Sergei Silvia Simon Simone Sofia Sophie Stefan Stefanie
    Stephen Steve Steven Sundar Susan Susanne Sven Tanja Thomas Tim Timo Tom Tobias Ulrich Ulrike Ursula
    Uwe Vera Victor Viktor Virginia Walter Werner Wilhelm William Wolfgang Xavier Yasmin Yuki Yusuf
    """.split()
)
COMPANY_FORMS = frozenset(
    """
    Inc Ltd LLC Corp Corporation GmbH AG KG SE PLC plc SA BV NV Oy Oyj AB ApS SAS SARL Limited LLP Pty
    Holding Holdings Incorporated mbH KGaA
    """.split()
)
ORGANIZATION_WORDS = frozenset(
    """
    University Universität Institute Foundation Association Agency Ministry Consortium Hochschule Commission
    """.split()
)
NO_NAMES = frozenset(
    """
    A About After Also Although An And Another Any As At Because Before Both But By Can Dear During Each
    Either Every Few First For From Further Furthermore He Hello Her Here His How However I If In Instead
    Into It Its Last Later Like Many Meanwhile More Moreover Most My Neither Never New No Nobody None Not
    Note Nothing Now Of Often Old On Once One Only Or Other Our Over Please Recently Second See She Since
    So Some Somebody Someone Soon Still Such Than That The Their Then There These They This Those Though
    Three Through Thus To Today Together Tomorrow Two Under Until We What When Where Whether Which While
    Who Whoever Why With Within Without Yes Yesterday Yet You Your Former Current Senior Junior Der Die
    Das Ein Eine Im Am Und Aber Auch Bei Von Vom Zur Zum Mit Nach Seit Wir Sie Er Es Ich Heute Gestern
    Morgen January February March April May June July August September October November December Januar
    Februar März Mai Juni Juli Oktober Dezember Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Spring Summer Autumn Winter North South
    East West CEO CTO CFO COO CIO Chairman Chair President Vice Chancellor Minister Director Manager
    Professor Prof Doctor Dr Mr Mrs Ms Sir Madam Herr Frau Captain General Engineer Founder Company
    Companies Team Staff Customer Customers Employee Employees User Users Everyone Everybody Anyone People
    Nobody Chapter Section Figure Table Page Part Step Warning
    """.split()
)
