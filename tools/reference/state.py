"""What lies in JetStream: key-value buckets with what is under each key, streams, object stores."""

from itertools import groupby

from cambus.schemas import assets
from cambus.schemas.asyncapi import KEY_VALUES
from cambus.schemas.model import Message
from reference.markdown import GENERATED, code, document, prose, table
from reference.models import example_of, fields_of, schema_of


def page() -> str:
    """The page of the state."""
    intro = (
        "Values are JSON, so `nats kv get cambus-devices gate-1` shows one. Write `cambus-devices`, "
        "`cambus-credentials` and `cambus-policies` through `cambusctl` or the commands of the services, "
        "which check what they are given; the other buckets are the services' own."
    )
    ordered = sorted(KEY_VALUES, key=lambda row: (assets.KV_BUCKETS.index(row[0]), row[1]))
    sections = []
    for bucket, rows in groupby(ordered, key=lambda row: row[0]):
        sections += [f"## {bucket}", *(_value(key, model) for _, key, model in rows)]
    return document(
        "# State in JetStream",
        GENERATED,
        intro,
        "**Streams:** " + ", ".join(map(code, assets.STREAMS)),
        "**Object stores:** " + ", ".join(map(code, assets.OBJECT_STORES)),
        table(("bucket", "key", "value"), ((code(b), code(k), code(m.__name__)) for b, k, m in ordered)),
        *sections,
    )


def _value(key: str, model: type[Message]) -> str:
    return document(
        f"### {code(key)}: {model.__name__}",
        prose(schema_of(model).get("description", "")),
        fields_of(model),
        example_of(model),
    )
