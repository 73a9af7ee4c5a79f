"""A small shop, made up, for the first minute with the appliance: users, products, orders, order items.

The same `today` always gives the same rows. Sales grow over two years up to `today`, some customers buy
much more than others, new orders are still on their way while old ones are delivered: questions about
this shop have answers worth looking at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path

import apsw

from appliance.errors import InvalidInput
from appliance.importer.listing import columns_of, team_names

SEED = 20
USERS = 60
ORDERS = 1_200
DAYS = 730
"""The shop opened this many days before `today`."""

DDL = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL,
    price REAL NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    total REAL NOT NULL
);
CREATE TABLE order_items (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    unit_price REAL NOT NULL
);
CREATE INDEX orders_user_id ON orders (user_id);
CREATE INDEX order_items_order_id ON order_items (order_id);
CREATE INDEX order_items_product_id ON order_items (product_id);
"""

TABLES = ("users", "products", "orders", "order_items")

FIRST_NAMES = [
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Elena",
    "Felix",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Karin",
    "Liam",
    "Marta",
    "Noah",
    "Olga",
]
LAST_NAMES = ["Novak", "Fischer", "Rossi", "Martin"]
CITIES = [
    ("Berlin", "Germany", 9),
    ("Hamburg", "Germany", 5),
    ("Munich", "Germany", 4),
    ("Paris", "France", 6),
    ("Lyon", "France", 3),
    ("Vienna", "Austria", 5),
    ("Rome", "Italy", 4),
    ("Milan", "Italy", 3),
]
"""City, country, and how often it is drawn."""

CATALOGUE: dict[str, list[tuple[str, float]]] = {
    "Coffee": [
        ("House Blend 500 g", 8.9),
        ("Espresso Roast 500 g", 9.9),
        ("Decaf 250 g", 6.5),
        ("Ethiopia Single Origin 250 g", 11.5),
        ("Colombia Single Origin 250 g", 10.5),
        ("Cold Brew Bags", 7.9),
        ("Sampler Box", 24.0),
        ("Green Beans 1 kg", 13.0),
    ],
    "Tea": [
        ("Earl Grey", 5.9),
        ("Sencha", 7.5),
        ("Rooibos", 4.9),
        ("Darjeeling", 8.5),
        ("Peppermint", 3.9),
        ("Chai Mix", 6.2),
        ("Jasmine Pearls", 12.9),
        ("Advent Calendar", 29.0),
    ],
    "Equipment": [
        ("Hand Grinder", 69.0),
        ("Electric Grinder", 189.0),
        ("French Press", 34.0),
        ("Pour-over Dripper", 22.0),
        ("Espresso Machine", 649.0),
        ("Milk Frother", 45.0),
        ("Gooseneck Kettle", 79.0),
        ("Kitchen Scale", 28.0),
    ],
    "Tableware": [
        ("Espresso Cup", 9.5),
        ("Cappuccino Cup", 11.5),
        ("Travel Mug", 24.9),
        ("Glass Teapot", 32.0),
        ("Cast-iron Teapot", 58.0),
        ("Sugar Bowl", 14.0),
        ("Serving Tray", 19.0),
        ("Tea Strainer", 6.0),
    ],
    "Books": [
        ("The Barista's Notebook", 18.0),
        ("A History of Tea", 22.5),
        ("Roasting at Home", 26.0),
        ("Latte Art", 15.0),
        ("Coffee Atlas", 32.0),
        ("Tea Gardens of Asia", 28.5),
        ("Baking for Coffee Time", 19.9),
        ("Water and Taste", 12.0),
    ],
}


def create_demo(db: apsw.Connection, today: date) -> bool:
    """Create and fill the four tables of the shop; False when the whole shop is there already.

    Raises `InvalidInput` when there are tables or views of somebody's own: demo data never mixes with real.
    """
    if has_demo(db):
        return False
    if others := team_names(db, "table", "virtual", "view"):
        taken = next((name for name in others if name.lower() in TABLES), others[0])
        raise InvalidInput(
            f"{Path(db.filename).parent} already has a table {taken}; choose another --data. "
            "The demo wants a folder of its own, so that its data is never mixed with yours."
        )
    chance = random.Random(SEED)  # noqa: S311 - the same shop for everybody is the point
    users = list(_users(chance, today))
    products = list(_products())
    orders = list(_orders(chance, today, users))
    items = list(_items(chance, orders, products))
    totals: dict[int, float] = {}
    for _, order_id, _, quantity, unit_price in items:
        totals[order_id] = totals.get(order_id, 0.0) + quantity * unit_price
    with db:
        list(db.execute(DDL))
        db.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", users)
        db.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", products)
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
            [(*order, round(totals[order[0]], 2)) for order in orders],
        )
        db.executemany("INSERT INTO order_items VALUES (?, ?, ?, ?, ?)", items)
    return True


def has_demo(db: apsw.Connection) -> bool:
    """Whether all four tables are there, with the demo's own columns."""
    with closing(apsw.Connection(":memory:")) as shop:
        list(shop.execute(DDL))
        return all(columns_of(db, table) == columns_of(shop, table) for table in TABLES)


User = tuple[int, str, str, str, str, str]
Product = tuple[int, str, str, float]
Order = tuple[int, int, str, str]
"""Without the total, which is the sum of its items."""
Item = tuple[int, int, int, int, float]


def _users(chance: random.Random, today: date) -> Iterator[User]:
    """People who joined over the two years, the first ones on the first day."""
    names = list(product(FIRST_NAMES, LAST_NAMES))
    chance.shuffle(names)
    weights = [weight for _, _, weight in CITIES]
    for number, (first, last) in enumerate(names[:USERS], start=1):
        city, country, _ = chance.choices(CITIES, weights)[0]
        joined = _moment(chance, today, DAYS - int((number - 1) ** 1.5 / USERS**1.5 * DAYS))
        yield number, f"{first} {last}", f"{first}.{last}@example.com".lower(), city, country, joined


def _products() -> Iterator[Product]:
    rows = [(name, kind, price) for kind, items in CATALOGUE.items() for name, price in items]
    for number, (name, category, price) in enumerate(rows, start=1):
        yield number, name, category, price


def _orders(chance: random.Random, today: date, users: list[User]) -> Iterator[Order]:
    """Orders in the order of time, each by somebody who had joined by then; regulars buy more often."""
    loyalty = [_loyalty(chance, user) for user in users]
    moments = sorted(_moment(chance, today, int(DAYS * chance.random() ** 1.6)) for _ in range(ORDERS))
    for number, moment in enumerate(moments, start=1):
        weights = [weight if user[5] <= moment else 0.0 for user, weight in zip(users, loyalty, strict=True)]
        buyer = chance.choices(users, weights)[0] if any(weights) else users[0]
        days_ago = (today - date.fromisoformat(moment[:10])).days
        yield number, buyer[0], _status(chance, days_ago), moment


def _loyalty(chance: random.Random, user: User) -> float:
    """How often somebody buys, compared with others; every twelfth only looks around."""
    return 0.0 if user[0] % 12 == 0 else min(chance.paretovariate(1.3), 12.0)


def _moment(chance: random.Random, today: date, days_ago: int) -> str:
    """`YYYY-MM-DD HH:MM:SS` of that day; today's moments lie in its first hours, not in the future."""
    midnight = datetime(today.year, today.month, today.day) - timedelta(days=days_ago)
    seconds = chance.randrange(3_600) if days_ago == 0 else chance.randrange(6 * 3_600, 22 * 3_600)
    return str(midnight + timedelta(seconds=seconds))


def _status(chance: random.Random, days_ago: int) -> str:
    if chance.random() < 0.07:
        return "cancelled"
    if chance.random() < 0.03:  # something went wrong: nobody paid, or it never arrived
        return chance.choice(["pending", "paid", "shipped"])
    if days_ago <= 2:
        return chance.choice(["pending", "paid"])
    if days_ago <= 7:
        return chance.choice(["paid", "shipped"])
    return "delivered" if days_ago > 14 or chance.random() < 0.5 else "shipped"


def _items(chance: random.Random, orders: list[Order], products: list[Product]) -> Iterator[Item]:
    """One to six different products for each order; cheap ones more often and in larger numbers."""
    weights = [1 / price**0.5 for *_, price in products]
    number = 0
    for order_id, *_ in orders:
        wanted = 1 + min(5, int(chance.expovariate(0.5)))
        chosen = {chance.choices(products, weights)[0] for _ in range(wanted)}
        for product_id, _, _, price in sorted(chosen):
            number += 1
            quantity = 1 if price > 40 else chance.choice([1, 1, 1, 2, 2, 3])
            yield number, order_id, product_id, quantity, price
