"""Where generated breweries stand: countries, regions, cities, and the shares of types and missing fields.

The weights and shares are figures counted in the published Open Brewery DB data set (3,977 records; types,
countries and regions as record counts); centres are public geography in degrees, good to about a kilometre.
"""

from typing import Final, NamedTuple


class City(NamedTuple):
    """A real city and its centre in degrees."""

    name: str
    latitude: float
    longitude: float


class Region(NamedTuple):
    """A state or province: its weight inside the country, its centre in degrees, its larger cities."""

    name: str
    weight: int
    latitude: float
    longitude: float
    cities: tuple[City, ...]


class Missing(NamedTuple):
    """Share of records whose field is null."""

    address_1: float
    address_2: float
    address_3: float
    phone: float
    website_url: float
    coordinates: float


class Country(NamedTuple):
    """A country: weight in the world, language of its names, types as record counts, missing shares, regions."""

    name: str
    weight: int
    language: str
    types: dict[str, int]
    missing: Missing
    regions: tuple[Region, ...]


def _region(name: str, weight: int, latitude: float, longitude: float, *cities: tuple[str, float, float]) -> Region:
    return Region(name, weight, latitude, longitude, tuple(City(*city) for city in cities))


UNITED_STATES: Final = Country(
    "United States",
    2760,
    "en",
    # beergarden, location and meadery are rare values of the full data, not of the counted records.
    {
        "micro": 1387,
        "brewpub": 838,
        "planning": 228,
        "closed": 115,
        "regional": 73,
        "contract": 55,
        "large": 23,
        "proprietor": 20,
        "taproom": 10,
        "nano": 11,
        "beergarden": 2,
        "location": 2,
        "meadery": 1,
    },
    Missing(0.09, 0.998, 0.999, 0.09, 0.14, 0.28),
    (
        _region(
            "California",
            307,
            36.8,
            -119.8,
            ("San Diego", 32.716, -117.161),
            ("Los Angeles", 34.052, -118.244),
            ("San Francisco", 37.775, -122.419),
            ("San José", 37.339, -121.895),
            ("Anaheim", 33.835, -117.914),
            ("Sacramento", 38.582, -121.494),
        ),
        _region(
            "Washington",
            175,
            47.4,
            -120.7,
            ("Seattle", 47.606, -122.332),
            ("Spokane", 47.659, -117.426),
            ("Yakima", 46.602, -120.506),
            ("Bellingham", 48.749, -122.478),
        ),
        _region("New York", 144, 42.9, -75.5, ("Brooklyn", 40.678, -73.944), ("Rochester", 43.157, -77.609)),
        _region(
            "Colorado",
            133,
            39.0,
            -105.5,
            ("Denver", 39.739, -104.99),
            ("Boulder", 40.015, -105.271),
            ("Colorado Springs", 38.834, -104.821),
            ("Longmont", 40.167, -105.102),
        ),
        _region("Michigan", 122, 43.8, -84.8, ("Grand Rapids", 42.963, -85.668), ("Detroit", 42.331, -83.046)),
        _region(
            "Pennsylvania", 120, 40.9, -77.8, ("Philadelphia", 39.953, -75.165), ("Pittsburgh", 40.441, -79.996)
        ),
        _region(
            "Texas",
            109,
            31.2,
            -98.9,
            ("Austin", 30.267, -97.743),
            ("Houston", 29.76, -95.37),
            ("Fort Worth", 32.756, -97.331),
            ("San Antonio", 29.424, -98.494),
        ),
        _region("Florida", 103, 28.2, -81.7, ("Tampa", 27.951, -82.457), ("Jacksonville", 30.332, -81.656)),
        _region(
            "Ohio",
            100,
            40.3,
            -82.7,
            ("Columbus", 39.961, -82.999),
            ("Cincinnati", 39.103, -84.512),
            ("Cleveland", 41.499, -81.694),
        ),
        _region("North Carolina", 100, 35.5, -79.4, ("Charlotte", 35.227, -80.843), ("Asheville", 35.595, -82.551)),
        _region("Oregon", 93, 44.0, -120.6, ("Portland", 45.515, -122.679), ("Bend", 44.058, -121.315)),
        _region("Illinois", 93, 40.1, -89.2, ("Chicago", 41.878, -87.63), ("Peoria", 40.694, -89.589)),
        _region("Virginia", 88, 37.5, -78.7, ("Richmond", 37.541, -77.436), ("Norfolk", 36.851, -76.286)),
        _region("Wisconsin", 70, 44.6, -89.9, ("Milwaukee", 43.039, -87.907), ("Madison", 43.073, -89.401)),
        _region("Massachusetts", 70, 42.3, -71.9, ("Boston", 42.36, -71.059), ("Worcester", 42.263, -71.802)),
        _region("Minnesota", 53, 46.0, -94.4, ("Minneapolis", 44.978, -93.265), ("Duluth", 46.787, -92.101)),
        _region("Indiana", 52, 39.9, -86.3, ("Indianapolis", 39.768, -86.158)),
        _region(
            "Arizona",
            50,
            34.3,
            -111.7,
            ("Phoenix", 33.448, -112.074),
            ("Tucson", 32.222, -110.975),
            ("Flagstaff", 35.198, -111.651),
        ),
        _region("Maryland", 49, 39.1, -76.8, ("Baltimore", 39.29, -76.612)),
        # The published data has this misspelling too: a legal value that no clean-up may drop.
        _region("MIssouri", 1, 38.4, -92.5, ("Saint Louis", 38.627, -90.199)),
        _region("Missouri", 45, 38.4, -92.5, ("Kansas City", 39.1, -94.579), ("Saint Louis", 38.627, -90.199)),
        _region("New Jersey", 45, 40.2, -74.7, ("Newark", 40.736, -74.172)),
        _region("New Hampshire", 44, 43.7, -71.6, ("Portsmouth", 43.072, -70.763)),
        _region("Maine", 43, 45.2, -69.0, ("Portland", 43.661, -70.256)),
        _region("Tennessee", 41, 35.9, -86.4, ("Nashville", 36.163, -86.781), ("Knoxville", 35.961, -83.921)),
        _region("Montana", 40, 47.0, -109.6, ("Missoula", 46.872, -113.994), ("Billings", 45.783, -108.501)),
        _region("Iowa", 37, 42.1, -93.5, ("Des Moines", 41.587, -93.625)),
        _region("Georgia", 33, 32.7, -83.4, ("Atlanta", 33.749, -84.388)),
        _region("New Mexico", 33, 34.4, -106.1, ("Albuquerque", 35.084, -106.65), ("Santa Fe", 35.687, -105.938)),
        _region("Connecticut", 27, 41.6, -72.7, ("Hartford", 41.766, -72.673)),
        _region("South Carolina", 26, 33.9, -80.9, ("Charleston", 32.777, -79.931)),
        _region("Alaska", 24, 61.8, -149.8, ("Anchorage", 61.218, -149.9)),
        _region("Idaho", 23, 44.2, -114.5, ("Boise", 43.615, -116.202)),
        _region("Wyoming", 23, 43.0, -107.5, ("Cheyenne", 41.14, -104.82)),
        _region("Nebraska", 22, 41.5, -99.8, ("Omaha", 41.257, -95.935)),
        _region("Nevada", 20, 39.3, -116.6, ("Reno", 39.53, -119.814), ("Las Vegas", 36.172, -115.14)),
        _region("Alabama", 19, 32.8, -86.8, ("Birmingham", 33.519, -86.81)),
        _region("Kentucky", 18, 37.5, -85.3, ("Louisville", 38.253, -85.759)),
        _region("Arkansas", 18, 34.9, -92.4, ("Little Rock", 34.746, -92.29)),
        _region("Kansas", 16, 38.5, -98.4, ("Wichita", 37.687, -97.33)),
        _region("South Dakota", 16, 44.4, -100.2, ("Sioux Falls", 43.546, -96.731)),
        _region("Utah", 14, 39.3, -111.7, ("Salt Lake City", 40.761, -111.891)),
        _region("Louisiana", 13, 31.0, -92.0, ("New Orleans", 29.951, -90.072)),
        _region("Rhode Island", 12, 41.7, -71.6, ("Providence", 41.824, -71.413)),
        _region("Oklahoma", 12, 35.6, -97.5, ("Oklahoma City", 35.468, -97.516)),
        _region("Hawaii", 12, 20.9, -157.0, ("Honolulu", 21.307, -157.858)),
        _region("Vermont", 11, 44.1, -72.7, ("Burlington", 44.476, -73.212)),
        _region("North Dakota", 11, 47.5, -100.5, ("Fargo", 46.877, -96.79)),
        _region("District of Columbia", 9, 38.9, -77.0, ("Washington", 38.907, -77.037)),
        _region("West Virginia", 7, 38.6, -80.6, ("Charleston", 38.35, -81.633)),
        _region("Mississippi", 7, 32.7, -89.7, ("Jackson", 32.299, -90.185)),
        _region("Delaware", 7, 39.0, -75.5, ("Wilmington", 39.745, -75.547)),
    ),
)

GERMANY: Final = Country(
    "Germany",
    451,
    "de",
    {"brewpub": 388, "closed": 35, "micro": 22, "bar": 4, "large": 2},
    Missing(0.002, 0.998, 0.999, 0.08, 0.02, 0.0),
    (
        _region(
            "Bayern",
            175,
            48.9,
            11.4,
            ("München", 48.137, 11.575),
            ("Nürnberg", 49.454, 11.077),
            ("Bamberg", 49.891, 10.887),
            ("Würzburg", 49.792, 9.953),
        ),
        _region("Baden-Württemberg", 61, 48.6, 9.0, ("Stuttgart", 48.776, 9.183), ("Tübingen", 48.522, 9.058)),
        _region("Nordrhein-Westfalen", 51, 51.4, 7.6, ("Köln", 50.938, 6.96), ("Düsseldorf", 51.228, 6.773)),
        _region("Niedersachsen", 25, 52.6, 9.8, ("Hannover", 52.376, 9.732), ("Göttingen", 51.541, 9.916)),
        _region("Sachsen", 21, 51.0, 13.4, ("Dresden", 51.05, 13.737), ("Leipzig", 51.34, 12.373)),
        _region("Hessen", 20, 50.6, 9.0, ("Frankfurt am Main", 50.111, 8.682), ("Gießen", 50.584, 8.678)),
        _region("Rheinland-Pfalz", 18, 49.9, 7.4, ("Mainz", 49.993, 8.247)),
        _region("Thüringen", 17, 50.9, 11.0, ("Erfurt", 50.978, 11.029)),
        _region("Berlin", 14, 52.52, 13.4, ("Berlin", 52.52, 13.405)),
        _region("Brandenburg", 12, 52.4, 13.2, ("Potsdam", 52.391, 13.065)),
        _region("Schleswig-Holstein", 11, 54.2, 9.8, ("Lübeck", 53.866, 10.687)),
        _region("Mecklenburg-Vorpommern", 9, 53.7, 12.5, ("Rostock", 54.092, 12.099)),
        _region("Sachsen-Anhalt", 8, 51.9, 11.7, ("Halle", 51.482, 11.97)),
        _region("Saarland", 5, 49.4, 6.9, ("Saarbrücken", 49.24, 6.997)),
        _region("Hamburg", 3, 53.55, 10.0, ("Hamburg", 53.551, 9.994)),
        _region("Bremen", 1, 53.08, 8.8, ("Bremen", 53.079, 8.802)),
    ),
)

BELGIUM: Final = Country(
    "Belgium",
    179,
    "nl",
    {"micro": 161, "closed": 10, "brewpub": 5, "large": 3},
    Missing(0.04, 0.99, 0.999, 0.12, 0.1, 0.0),
    (
        _region("Vlaanderen", 116, 51.0, 4.2, ("Antwerpen", 51.219, 4.402), ("Gent", 51.054, 3.717)),
        _region("Région wallonne", 49, 50.4, 5.0, ("Liège", 50.633, 5.568), ("Namur", 50.467, 4.872)),
        _region("Brussels Capital Region", 13, 50.85, 4.35, ("Brussels", 50.85, 4.352)),
        _region("Flanders", 1, 51.0, 4.2, ("Brugge", 51.209, 3.225)),
    ),
)

AUSTRALIA: Final = Country(
    "Australia",
    170,
    "en",
    {"micro": 162, "large": 8},
    Missing(0.01, 0.82, 0.995, 0.14, 0.07, 0.0),
    (
        _region("VIC", 58, -36.9, 144.6, ("Melbourne", -37.814, 144.963), ("Thornbury", -37.756, 144.998)),
        _region("NSW", 50, -32.5, 149.5, ("Sydney", -33.869, 151.209), ("Alexandria", -33.91, 151.195)),
        _region("QLD", 22, -26.5, 151.5, ("Brisbane", -27.47, 153.025)),
        _region("WA", 14, -32.2, 116.5, ("Perth", -31.952, 115.861)),
        _region("TAS", 11, -42.2, 146.8, ("Hobart", -42.882, 147.327)),
        _region("SA", 9, -34.3, 138.9, ("Adelaide", -34.928, 138.6)),
        _region("ACT", 4, -35.3, 149.1, ("Canberra", -35.281, 149.13)),
        _region("NT", 2, -13.0, 131.2, ("Darwin", -12.463, 130.844)),
    ),
)

CANADA: Final = Country(
    "Canada",
    104,
    "en",
    {"micro": 68, "brewpub": 27, "cidery": 4, "closed": 3, "large": 1, "regional": 1},
    Missing(0.0, 0.995, 0.999, 0.26, 0.05, 0.39),
    (
        _region("Ontario", 61, 44.3, -79.5, ("Toronto", 43.653, -79.383), ("Ottawa", 45.422, -75.697)),
        _region("British Columbia", 43, 50.2, -121.0, ("Vancouver", 49.283, -123.121)),
    ),
)

NEW_ZEALAND: Final = Country(
    "New Zealand",
    84,
    "en",
    {"micro": 49, "closed": 22, "contract": 10, "large": 3},
    Missing(0.02, 0.94, 0.999, 0.06, 0.05, 0.0),
    (
        _region("Auckland", 20, -36.9, 174.8, ("Auckland", -36.848, 174.763)),
        _region("Wellington Region", 19, -41.1, 175.3, ("Wellington", -41.287, 174.776)),
        _region("Otago Region", 18, -45.2, 169.6, ("Dunedin", -45.874, 170.504), ("Wānaka", -44.703, 169.132)),
        _region("Canterbury Region", 15, -43.6, 171.9, ("Christchurch", -43.532, 172.637)),
        _region("Tasman Region", 7, -41.4, 172.8, ("Māpua", -41.256, 173.096)),
        _region("Waikato Region", 5, -37.9, 175.5, ("Hamilton", -37.787, 175.283)),
    ),
)

_SCATTERED: Final = Missing(0.0, 0.7, 0.95, 0.05, 0.03, 0.0)

WORLD: Final = (
    UNITED_STATES,
    GERMANY,
    BELGIUM,
    AUSTRALIA,
    CANADA,
    NEW_ZEALAND,
    Country(
        "South Africa",
        41,
        "en",
        {"micro": 23, "brewpub": 18},
        Missing(0.02, 0.37, 0.93, 0.05, 0.02, 0.0),
        (
            _region("Western Cape", 24, -33.6, 20.3, ("Cape Town", -33.925, 18.424)),
            _region("Gauteng", 11, -26.1, 28.1, ("Johannesburg", -26.204, 28.047)),
            _region("KwaZulu-Natal", 6, -29.2, 30.6, ("Durban", -29.858, 31.022)),
        ),
    ),
    Country(
        "Netherlands",
        27,
        "nl",
        {"micro": 19, "regional": 6, "large": 1, "brewpub": 1},
        Missing(0.0, 1.0, 1.0, 0.07, 0.04, 0.0),
        (
            _region("Noord-Brabant", 9, 51.5, 5.3, ("Eindhoven", 51.441, 5.47)),
            _region("Zuid-Holland", 8, 52.0, 4.5, ("Rotterdam", 51.924, 4.478)),
            _region("Utrecht", 5, 52.1, 5.2, ("Utrecht", 52.091, 5.122)),
            _region("Noord-Holland", 5, 52.6, 4.9, ("Amsterdam", 52.37, 4.895)),
        ),
    ),
    Country(
        "South Korea",
        25,
        "ko",
        {"brewpub": 22, "micro": 3},
        Missing(0.0, 0.8, 0.96, 0.0, 0.0, 0.0),
        (
            _region("Seoul", 12, 37.55, 126.99, ("Gangnam-gu", 37.517, 127.047), ("Mapo-gu", 37.566, 126.902)),
            _region("Busan", 7, 35.18, 129.08, ("Haeundae-gu", 35.163, 129.164)),
            _region("Jejudo", 6, 33.4, 126.55, ("Jeju-si", 33.5, 126.531)),
        ),
    ),
    Country(
        "Finland",
        25,
        "fi",
        {"micro": 20, "brewpub": 5},
        Missing(0.0, 1.0, 1.0, 0.0, 0.0, 0.0),
        (
            _region("Uusimaa", 14, 60.4, 24.9, ("Helsinki", 60.17, 24.938)),
            _region("Päijät-Häme", 6, 61.2, 25.6, ("Lahti", 60.983, 25.661)),
            _region("Varsinais-Suomi", 5, 60.6, 22.5, ("Turku", 60.452, 22.267)),
        ),
    ),
    Country(
        "Portugal",
        22,
        "pt",
        {"micro": 12, "brewpub": 10},
        Missing(0.0, 0.82, 0.95, 0.77, 0.36, 0.09),
        (
            _region("Porto", 10, 41.2, -8.4, ("Porto", 41.158, -8.629)),
            _region("Lisboa", 8, 38.9, -9.1, ("Lisboa", 38.722, -9.139)),
            _region("Aveiro", 4, 40.7, -8.5, ("Aveiro", 40.641, -8.654)),
        ),
    ),
    Country(
        "Ireland",
        22,
        "en",
        {"micro": 16, "brewpub": 4, "regional": 2},
        Missing(0.0, 0.27, 0.73, 0.18, 0.09, 0.0),
        (
            _region("Dublin", 10, 53.35, -6.26, ("Dublin", 53.35, -6.26), ("Dún Laoghaire", 53.294, -6.134)),
            _region("Cork", 7, 51.9, -8.6, ("Cork", 51.898, -8.476)),
            _region("Wicklow", 5, 53.0, -6.3, ("Bray", 53.203, -6.098)),
        ),
    ),
    Country(
        "England",
        18,
        "en",
        {"micro": 11, "taproom": 5, "brewpub": 2},
        Missing(0.0, 1.0, 1.0, 0.0, 0.06, 0.0),
        (
            _region("East Sussex", 11, 50.95, 0.2, ("Brighton", 50.822, -0.137), ("Lewes", 50.874, 0.009)),
            _region("West Sussex", 7, 50.95, -0.5, ("Chichester", 50.837, -0.779)),
        ),
    ),
    Country(
        "Poland",
        16,
        "pl",
        {"brewpub": 8, "micro": 7, "regional": 1},
        Missing(0.0, 1.0, 1.0, 1.0, 1.0, 0.0),
        (_region("dolnośląskie", 16, 51.0, 16.5, ("Wrocław", 51.108, 17.039), ("Kłodzko", 50.435, 16.661)),),
    ),
    Country(
        "Singapore",
        15,
        "en",
        {"bar": 14, "brewpub": 1},
        Missing(0.0, 0.53, 0.73, 0.0, 0.47, 0.0),
        (_region("Singapore", 15, 1.35, 103.82, ("Singapore", 1.352, 103.82)),),
    ),
    Country(
        "Japan",
        4,
        "ja",
        {"brewpub": 3, "micro": 1},
        _SCATTERED,
        (_region("Osaka", 4, 34.69, 135.5, ("Osaka", 34.694, 135.502)),),
    ),
    Country(
        "Scotland",
        4,
        "en",
        {"micro": 3, "closed": 1},
        _SCATTERED,
        (_region("West Dunbartonshire", 4, 55.97, -4.5, ("Alexandria", 55.988, -4.583)),),
    ),
    Country(
        "Austria",
        4,
        "de",
        {"large": 2, "bar": 1, "nano": 1},
        _SCATTERED,
        (
            _region("Steiermark", 3, 47.2, 15.2, ("Graz", 47.07, 15.439)),
            _region("Kärnten", 1, 46.7, 13.9, ("Klagenfurt", 46.624, 14.308)),
        ),
    ),
    Country(
        "Sweden",
        2,
        "sv",
        {"micro": 2},
        Missing(0.0, 0.5, 1.0, 0.5, 0.0, 0.5),
        (_region("Västra Götaland", 2, 58.2, 12.9, ("Göteborg", 57.709, 11.975)),),
    ),
    Country(
        "France",
        2,
        "fr",
        {"micro": 2},
        _SCATTERED,
        (_region("Bouche du Rhône", 2, 43.5, 5.1, ("Marseille", 43.296, 5.37)),),
    ),
    Country(
        "Italy",
        1,
        "it",
        {"nano": 1},
        _SCATTERED,
        (_region("Bolzano", 1, 46.5, 11.35, ("Bolzano", 46.498, 11.355)),),
    ),
    Country(
        "Isle of Man",
        1,
        "en",
        {"micro": 1},
        _SCATTERED,
        (_region("Middle", 1, 54.2, -4.55, ("Douglas", 54.15, -4.48)),),
    ),
)
"""Every country of the generator, the largest first."""

CITY_REGIONS: Final = frozenset(
    {
        "District of Columbia",
        "Berlin",
        "Hamburg",
        "Bremen",
        "Brussels Capital Region",
        "Auckland",
        "Dublin",
        "Singapore",
        "Osaka",
        "Seoul",
        "Busan",
    }
)
"""Regions that are one city: no towns around it."""

TOWN_SPREAD: Final = {"United States": 0.9, "Canada": 0.8, "Australia": 0.8}
"""Country -> how far from a region's centre its towns lie, in degrees."""

TOWN_SPREAD_ELSEWHERE: Final = 0.25
