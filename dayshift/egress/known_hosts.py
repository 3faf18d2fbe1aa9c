"""Hosts and ports whose kind is known by their names: where code is pushed to, where data lies, what is anybody's.

No such table is complete. It narrows what a wildcard may mean; it is not what keeps an agent in.
"""

import re
from collections.abc import Iterable

# Where code is pushed to. A label that says so is enough, since most who host git themselves call it by its name.
GIT_LABEL = re.compile(r"(git|gitlab|gitea|github|forgejo|gogs|gerrit|ghe|bitbucket|ssh|svn|hg|scm|cgit)([-0-9].*)?")
GIT_HOSTS = (
    "assembla.com", "codeberg.org", "dev.azure.com", "framagit.org", "ghe.com", "gitcode.com", "gitee.com",
    "googlesource.com", "huggingface.co", "hf.co", "launchpad.net", "notabug.org", "or.cz", "pagure.io",
    "salsa.debian.org", "source.developers.google.com", "sourceforge.net", "sr.ht", "ssh.dev.azure.com",
    "tangled.sh", "visualstudio.com",
)  # fmt: skip
# Databases that are reached over https.
DATABASE_HOSTS = (
    "astra.datastax.com", "cockroachlabs.cloud", "cosmos.azure.com", "database.windows.net", "documents.azure.com",
    "elastic-cloud.com", "firebaseio.com", "firestore.googleapis.com", "mongodb.net", "neo4j.io", "neon.tech",
    "psdb.cloud", "rds.amazonaws.com", "redislabs.com", "supabase.co", "turso.io", "upstash.io",
)  # fmt: skip
# Below these anybody can have a host, a stranger who wants to be sent something included.
ANYBODYS = (
    "amazonaws.com", "amplifyapp.com", "appspot.com", "azureedge.net", "azurewebsites.net", "blogspot.com",
    "cloudfront.net", "cloudfunctions.net", "ddns.net", "deno.dev", "duckdns.org", "dyndns.org", "fastly.net",
    "firebaseapp.com", "fly.dev", "herokuapp.com", "hopto.org", "loca.lt", "netlify.app", "ngrok.app", "ngrok.io",
    "ngrok-free.app",
    "nip.io", "no-ip.org", "onrender.com", "oraclecloud.com", "pages.dev", "railway.app", "readthedocs.io", "repl.co",
    "run.app", "sslip.io", "surge.sh", "trycloudflare.com", "vercel.app", "web.app", "windows.net", "workers.dev",
    "wordpress.com", "xip.io",
)  # fmt: skip
SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "ne", "net", "or", "org"})

GIT_PORTS = {22: "ssh", 2222: "ssh", 7999: "git over ssh", 9418: "git", 29418: "git over ssh"}
DATABASE_PORTS = {
    1433: "SQL Server", 1434: "SQL Server", 1521: "Oracle", 2483: "Oracle", 2484: "Oracle", 3050: "Firebird",
    3306: "MySQL", 3307: "MySQL", 4333: "mSQL", 5432: "PostgreSQL", 5433: "PostgreSQL", 5984: "CouchDB",
    6379: "Redis", 6380: "Redis", 6432: "PostgreSQL", 6543: "PostgreSQL", 6984: "CouchDB", 7473: "Neo4j",
    7474: "Neo4j", 7687: "Neo4j", 8086: "InfluxDB", 8123: "ClickHouse", 8529: "ArangoDB", 9042: "Cassandra",
    9142: "Cassandra", 9160: "Cassandra", 9200: "Elasticsearch", 9300: "Elasticsearch", 9440: "ClickHouse",
    11211: "memcached", 16379: "Redis", 19530: "Milvus", 26257: "CockroachDB", 26379: "Redis", 27017: "MongoDB",
    27018: "MongoDB", 27019: "MongoDB", 27020: "MongoDB", 28015: "RethinkDB", 33060: "MySQL", 50000: "DB2",
}  # fmt: skip
GUARDED_PORTS = {**GIT_PORTS, **DATABASE_PORTS}


def is_public(host: str) -> bool:
    """Whether strangers can have names below it: a top-level domain, one of the usual second levels, a hoster's."""
    labels = host.split(".")
    country = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in SECOND_LEVEL
    return len(labels) < 2 or country or _within(host, ANYBODYS)


def _within(host: str, domains: Iterable[str]) -> bool:
    return any(host == each or host.endswith(f".{each}") for each in domains)


def serves(host: str) -> str:
    """`git` or `a database` if the host is known for it or says so in its name; else nothing."""
    if _within(host, GIT_HOSTS) or any(map(GIT_LABEL.fullmatch, host.split("."))):
        return "git"
    return "a database" if _within(host, DATABASE_HOSTS) else ""


def kind_of_port(port: int) -> str:
    """`git` or `a database` if that is what listens there by custom; else nothing."""
    return "git" if port in GIT_PORTS else "a database" if port in DATABASE_PORTS else ""
